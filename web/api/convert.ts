/** A checkpoint as one safetensors file with transformers' names. */
import type { FromGlobal } from '../base/globals.js';
import { mismatch, type BeitError, shown } from '../base/errors.js';
import { givenConfig, givenOptions } from '../base/options.js';
import type { CoreBindReport } from '../core/core.js';
import { BlobSink, CONVERSION_TYPES, convertedConfig, type ConversionSink, type ConversionType } from '../engine/conversion.js';
import { isTokenizerClass } from '../engine/model-names.js';
import { CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, type SourceLike } from '../sources/source.js';
import { readOptionalText } from '../sources/text.js';
import { sourceOf } from './configure.js';
import type { ModelOptions } from './model-base.js';
import { withLease } from './pretrained.js';

/**
 * Where a converted file goes: into a file, such as one of the origin private file system or of showSaveFilePicker(), as it is
 * made; down a stream, when it is whole; or piece by piece into an object, in no order.
 */
export type ConversionTarget = FromGlobal<'FileSystemFileHandle'> | WritableStream<Uint8Array> | ConversionSink;

export interface ConvertOptions extends Omit<ModelOptions, 'dtype' | 'keepAs'> {
  /** The element type of the new file. int8: a quarter of f32; see the option `dtype` of fromPretrained(). Default: f32 */
  dtype?: ConversionType | undefined;
  /** The reference's class name, or `auto`: what config.json's architectures say, else the tensors. Default: auto */
  className?: string | undefined;
  /** BeitModel only. Default: as the checkpoint has it */
  addPoolingLayer?: boolean | undefined;
  /** Where the weights go. Default: a Blob among `files` */
  to?: ConversionTarget | undefined;
}

export interface Converted {
  /** The class as which it is written. */
  className: string;
  dtype: ConversionType;
  /** Those of the weights. */
  bytes: number;
  /** How the checkpoint's tensors fitted. */
  report: Readonly<CoreBindReport>;
  /**
   * The new checkpoint's files by their names, which fromPretrained() takes as a source: config.json, preprocessor_config.json where
   * there is one, and model.safetensors unless it went elsewhere.
   */
  files: Record<string, Blob>;
}

/**
 * Writes a checkpoint of any container and naming as one safetensors file with transformers' names, as `beit convert` does. It takes no
 * more of the engine's memory than the largest tensor. Rejects like BeitModel.fromPretrained(), and as the target does.
 * @example
 * ```js
 * import { convert, pipeline } from 'beit-wasm';
 *
 * const { files } = await convert('microsoft/beit-base-patch16-224', { dtype: 'int8' });
 * const classify = await pipeline('image-classification', files);
 * ```
 */
export async function convert(source: SourceLike, options: ConvertOptions = {}): Promise<Converted> {
  const { dtype = 'f32', className = 'auto', addPoolingLayer, to, config, ...rest } = givenOptions(options);
  if (!CONVERSION_TYPES.includes(dtype)) throw mismatch('unsupported', 'dtype', shown(dtype), CONVERSION_TYPES.join(', '));
  const target = await targetOf(to);
  try {
    const from = await sourceOf(source, rest);
    const { layerNormEps, relativePositionBiasResize } = rest;
    const configJson = givenConfig(config);
    const spec = { className, configJson, layerNormEps, relativePositionBiasResize, addPoolingLayer: addPoolingLayer ?? ('auto' as const) };
    const { facts, processor } = await withLease(rest, async (lease) => {
      const made = await lease.engine.convert(from, spec, dtype, target.sink, rest);
      await lease.release();
      return { facts: made, processor: await readOptionalText(from, PROCESSOR_FILE, rest.signal, rest) };
    });
    const weights = await target.finish();
    const json = (text: string): Blob => new Blob([text], { type: 'application/json' });
    return {
      className: facts.className,
      dtype,
      bytes: facts.bytes,
      report: Object.freeze(facts.report),
      files: {
        // A tokenizer has no config of its own.
        ...(!isTokenizerClass(facts.className) && { [CONFIG_FILE]: json(convertedConfig(facts.json, facts, dtype, layerNormEps)) }),
        ...(processor !== null && { [PROCESSOR_FILE]: json(processor) }),
        ...(weights && { [WEIGHTS_FILE]: weights }),
      },
    };
  } catch (error) {
    await target.abandon(error);
    throw error;
  }
}

interface Target {
  sink: ConversionSink;
  /** Returns the file where it went nowhere else. */
  finish(): Promise<Blob | null>;
  abandon(reason: unknown): Promise<void>;
}

async function targetOf(to: ConversionTarget | undefined): Promise<Target> {
  if (to !== undefined && (typeof to !== 'object' || to === null)) throw wrongTarget(to);
  if (to && 'locked' in to && to.locked)
    throw mismatch('invalid-argument', 'to', 'a stream that is being written to', 'one that has no writer');
  if (to && 'createWritable' in to) return intoFile(await to.createWritable());
  if (to && 'seek' in to) return intoFile(to as FileSystemWritableFileStream);
  if (to && 'begin' in to && 'write' in to) return { sink: to, finish: async () => null, abandon: async () => undefined };
  const blob = new BlobSink();
  if (to === undefined) return { sink: blob, finish: async () => blob.finish(), abandon: async () => undefined };
  if (!('getWriter' in to)) throw wrongTarget(to);
  return {
    sink: blob,
    finish: async () => {
      await blob.finish().stream().pipeTo(to);
      return null;
    },
    abandon: (reason) => to.abort(reason).catch(() => undefined),
  };
}

function wrongTarget(to: unknown): BeitError {
  return mismatch('invalid-argument', 'to', typeof to, 'a file handle, a WritableStream, or an object with begin() and write()');
}

/** A file takes its pieces where they belong. */
function intoFile(stream: FileSystemWritableFileStream): Target {
  const write = (position: number, data: Uint8Array): Promise<void> =>
    stream.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> });
  return {
    sink: {
      begin: async (_, bytes, first) => {
        await stream.truncate(bytes);
        await write(0, first);
      },
      write,
    },
    finish: async () => {
      await stream.close();
      return null;
    },
    abandon: (reason) => stream.abort(reason).catch(() => undefined),
  };
}
