/** What a conversion of a checkpoint to transformers' form is made of, but for its weights. */
import type { CoreBindReport } from './core.js';
import { mismatch } from './errors.js';
import { safetensorsHeader, type SafetensorsRow } from './safetensors-writer.js';

/** The element types that a checkpoint can be written with. */
export const CONVERSION_TYPES = ['f32', 'f16', 'bf16'] as const;
export type ConversionType = (typeof CONVERSION_TYPES)[number];

/** Takes a file that is made in no order. */
export interface ConversionSink {
  /** Once, first: the files of the source that are read, the new file's size, and its first bytes. */
  begin(sources: readonly string[], bytes: number, first: Uint8Array): void;
  write(offset: number, data: Uint8Array): void;
}

export interface ConversionFacts {
  /** The reference's class as which the file is written. */
  className: string;
  /** The config that it was read with: the source's, or derived. */
  json: string;
  report: CoreBindReport;
  /** The file's size. */
  bytes: number;
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

/**
 * Returns the plan of a file with these tensors as save_pretrained() of the reference writes it: its size,
 * what stands before the first tensor's values, and where each tensor's values begin. Larger elements come
 * first, then it goes by name. Beside each running variance stands batch normalisation's counter, which
 * the reference asks for and nothing uses: it is 0.
 */
export function convertedFile(
  tensors: readonly { name: string; shape: readonly number[] }[], dtype: ConversionType,
): { bytes: number; begin: Uint8Array; offsets: number[] } {
  const byName = (a: SafetensorsRow, b: SafetensorsRow): number => a.name < b.name ? -1 : 1;  // ASCII
  const size = dtype === 'f32' ? 4 : 2;
  const values = tensors.map(({ name, shape }): SafetensorsRow =>
    ({ name, dtype: dtype.toUpperCase(), shape, bytes: shape.reduce((a, b) => a * b, size) }));
  const counters = tensors.filter(({ name }) => name.endsWith(VARIANCE)).map(({ name }): SafetensorsRow =>
    ({ name: name.slice(0, -VARIANCE.length) + COUNTER, dtype: 'I64', shape: [], bytes: 8 })).sort(byName);
  const sorted = [...values].sort(byName);
  // from_pretrained() refuses a file that does not tell its framework.
  const header = safetensorsHeader([...counters, ...sorted], { format: 'pt' });
  const begin = new Uint8Array(header.length + 8 * counters.length);
  begin.set(header);
  let end = begin.length;
  const starts = new Map(sorted.map((row) => [row, (end += row.bytes) - row.bytes]));
  return { bytes: end, begin, offsets: values.map((row) => starts.get(row)!) };
}

const TORCH_TYPES: Record<ConversionType, string> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/**
 * Returns the text of the config.json beside the new file: the source's own fields, with the class, the
 * element type and, where it is given, LayerNorm's epsilon.
 */
export function convertedConfig(json: string, className: string, dtype: ConversionType, layerNormEps: number | undefined): string {
  const config: unknown = JSON.parse(json);
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw mismatch('malformed', 'config.json', 'another value', 'a JSON object');
  const { dtype: other, ...fields } = config as Record<string, unknown>;  // transformers 5's name of torch_dtype
  void other;
  const data2vec = className.startsWith('Data2VecVision');
  return `${JSON.stringify({
    ...fields, architectures: [className], model_type: data2vec ? 'data2vec-vision' : 'beit', torch_dtype: TORCH_TYPES[dtype],
    ...(layerNormEps !== undefined && { layer_norm_eps: layerNormEps }),
  }, null, 2)}\n`;
}
