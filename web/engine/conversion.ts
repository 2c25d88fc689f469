/** What a conversion of a checkpoint to transformers' form is made of, but for its weights. */
import { failure, mismatch } from '../base/errors.js';
import { safetensorsHeader, type SafetensorsRow } from '../base/safetensors-writer.js';
import type { CoreBindReport, CoreFileTensor } from '../core/core.js';

/** The element types that a checkpoint can be written with. */
export const CONVERSION_TYPES = ['f32', 'f16', 'bf16', 'int8'] as const;
export type ConversionType = (typeof CONVERSION_TYPES)[number];

/** Returns safetensors' name of the type, as the core takes it. */
export function elementTypeOf(dtype: ConversionType): string {
  return dtype === 'int8' ? 'I8' : dtype.toUpperCase();
}

/** Takes a file that is made in no order. The next piece comes when the one before has been taken; a failure ends the conversion. */
export interface ConversionSink {
  /** Once, first: the files of the source that are read, the new file's size, and its first bytes. */
  begin(sources: readonly string[], bytes: number, first: Uint8Array): void | Promise<void>;
  write(offset: number, data: Uint8Array): void | Promise<void>;
}

/** Makes a file of its pieces as they come, in Blobs, which a browser need not hold in memory. */
export class BlobSink implements ConversionSink {
  private readonly pieces: { offset: number; blob: Blob }[] = [];
  private size = 0;
  private first: Blob | null = null;
  /** The files of the source. */
  sources: readonly string[] = [];

  begin(sources: readonly string[], bytes: number, first: Uint8Array): void {
    this.sources = sources;
    this.size = bytes;
    this.first = new Blob([first as Uint8Array<ArrayBuffer>]);
  }

  write(offset: number, data: Uint8Array): void {
    this.pieces.push({ offset, blob: new Blob([data as Uint8Array<ArrayBuffer>]) });
  }

  /** The whole file. Throws internal where a piece has not come, or came twice. */
  finish(): Blob {
    const sorted = this.pieces.sort((a, b) => a.offset - b.offset);
    let end = this.first?.size ?? 0;
    for (const { offset, blob } of sorted) {
      if (offset !== end) throw failure('internal', 'The conversion', `a piece begins at ${offset}, and the one before ends at ${end}`);
      end += blob.size;
    }
    if (end !== this.size) throw failure('internal', 'The conversion', `it has ${end} bytes of ${this.size}`);
    return new Blob([this.first!, ...sorted.map(({ blob }) => blob)], { type: 'application/octet-stream' });
  }
}

export interface ConversionFacts {
  /** The reference's class as which the file is written. */
  className: string;
  /** The config that it was read with: the source's, or derived. */
  json: string;
  report: CoreBindReport;
  /** The file's size. */
  bytes: number;
  tensors: CoreFileTensor[];
}

/**
 * Returns the class as which transformers saves a model: Flax's classes are PyTorch's, and a class that
 * was found by itself (not named by the user) is Data2VecVision's where the config is.
 */
export function savedClassOf(className: string, modelType: unknown, found: boolean): string {
  const plain = className.replace(/^FlaxBeit/, 'Beit');
  return found && modelType === 'data2vec-vision' ? plain.replace(/^Beit/, 'Data2VecVision') : plain;
}

const VARIANCE = 'running_var';
const COUNTER = 'num_batches_tracked';

const ELEMENT_BYTES: Record<string, number> = { F32: 4, F16: 2, BF16: 2, I8: 1 };

/**
 * Returns the plan of a file with these tensors as save_pretrained() of the reference writes it: its size,
 * what stands before the first tensor's values, and where each tensor's values begin. Larger elements come
 * first, so scales before their matrices; then it goes by name. Beside each running variance stands batch normalisation's counter, which
 * the reference asks for and nothing uses: it is 0.
 */
export function convertedFile(tensors: readonly CoreFileTensor[]): { bytes: number; begin: Uint8Array; offsets: number[] } {
  const byName = (a: SafetensorsRow, b: SafetensorsRow): number => (a.name < b.name ? -1 : 1); // ASCII
  const bytesOf = ({ dtype }: { dtype: string }): number => ELEMENT_BYTES[dtype]!;
  const values = tensors.map((tensor): SafetensorsRow => ({ ...tensor, bytes: tensor.shape.reduce((a, b) => a * b, bytesOf(tensor)) }));
  const counters = tensors
    .filter(({ name }) => name.endsWith(VARIANCE))
    .map(({ name }): SafetensorsRow => ({ name: name.slice(0, -VARIANCE.length) + COUNTER, dtype: 'I64', shape: [], bytes: 8 }))
    .sort(byName);
  const sorted = [...values].sort((a, b) => bytesOf(b) - bytesOf(a) || byName(a, b));
  // from_pretrained() refuses a file that does not tell its framework.
  const header = safetensorsHeader([...counters, ...sorted], { format: 'pt' });
  const begin = new Uint8Array(header.length + 8 * counters.length);
  begin.set(header);
  let end = begin.length;
  const starts = new Map(sorted.map((row) => [row, (end += row.bytes) - row.bytes]));
  return { bytes: end, begin, offsets: values.map((row) => starts.get(row)!) };
}

// What a reader that dequantises needs: the scales and some vectors are of this type.
const TORCH_TYPES: Record<ConversionType, string> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16', int8: 'float32' };

/**
 * Returns quantization_config as compressed-tensors has it in transformers, for matrices of I8 with a scale
 * for each output. Modules are named by patterns, numbers left open: some in place of some a layer.
 */
function quantizationConfig(tensors: readonly CoreFileTensor[]): Record<string, unknown> {
  const modules = tensors
    .filter(({ dtype }) => dtype === 'I8')
    .map(
      ({ name }) =>
        `re:${name
          .replace(/\.weight$/, '')
          .replaceAll('.', '\\.')
          .replace(/\d+/g, '\\d+')}$`,
    );
  const weights = {
    num_bits: 8,
    type: 'int',
    symmetric: true,
    strategy: 'channel',
    dynamic: false,
    group_size: null,
    block_structure: null,
    actorder: null,
    observer: 'minmax',
    observer_kwargs: {},
  };
  return {
    quant_method: 'compressed-tensors',
    format: 'naive-quantized',
    quantization_status: 'compressed',
    config_groups: { group_0: { targets: [...new Set(modules)].sort(), weights, input_activations: null, output_activations: null } },
    ignore: [],
    kv_cache_scheme: null,
    global_compression_ratio: null,
  };
}

/**
 * Returns the text of the config.json beside the new file: the source's own fields, with the class, the
 * element type, what is quantised and, where it is given, LayerNorm's epsilon.
 */
export function convertedConfig(
  json: string,
  { className, tensors }: Pick<ConversionFacts, 'className' | 'tensors'>,
  dtype: ConversionType,
  layerNormEps: number | undefined,
): string {
  const config: unknown = JSON.parse(json);
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw mismatch('malformed', 'config.json', 'another value', 'a JSON object');
  // transformers 5's name of torch_dtype, and what the source was
  const { dtype: other, quantization_config: quantized, ...fields } = config as Record<string, unknown>;
  void [other, quantized];
  const data2vec = className.startsWith('Data2VecVision');
  return `${JSON.stringify(
    {
      ...fields,
      architectures: [className],
      model_type: data2vec ? 'data2vec-vision' : 'beit',
      torch_dtype: TORCH_TYPES[dtype],
      ...(tensors.some((tensor) => tensor.dtype === 'I8') && { quantization_config: quantizationConfig(tensors) }),
      ...(layerNormEps !== undefined && { layer_norm_eps: layerNormEps }),
    },
    null,
    2,
  )}\n`;
}
