/** Writing a taught model as the files that transformers reads. */
import { platform } from '#platform';
import { isArrayOf } from '../../base/realms.js';
import type { FromGlobal } from '../../base/globals.js';
import { failure, mismatch, sentenceOf, shown, kindOf } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import type { TurnQueue } from '../../base/scheduling.js';
import { convertedConfig } from '../../engine/conversion.js';
import type { LoadCallOptions, ModelSpec } from '../../engine/engine.js';
import type { FileToWrite, FolderToWrite } from '../../platform/platform.js';
import { CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, type Source } from '../../sources/source.js';
import { readOptionalText } from '../../sources/text.js';
import type { PreTrainedModel } from '../model-base.js';
import { checkCall } from '../options.js';
import type { Parts } from '../pipelines/base.js';
import { heldBy } from '../pretrained.js';
import { configFields } from './config-fields.js';

/** A path (Node), a folder's handle (browsers), or an object that takes files. */
export type SaveTarget = string | FromGlobal<'FileSystemDirectoryHandle'> | FolderToWrite;

export interface SaveOptions extends LoadCallOptions {
  /** The element type of the weights. Default: f16 */
  dtype?: 'f16' | 'f32' | undefined;
}

export const CARD_FILE = 'README.md';

/** Returns what files are written to. Throws unsupported for a path in a page. */
export function folderOf(target: SaveTarget): FolderToWrite {
  if (typeof target === 'string') return platform.folderToWrite(target);
  const given: unknown = target;
  if (typeof given !== 'object' || given === null || !('create' in given || 'getFileHandle' in given))
    throw mismatch('invalid-argument', 'target', kindOf(given), "a path, a folder's handle, or an object with create()");
  if ('create' in given) return given as FolderToWrite;
  const handle = given as FileSystemDirectoryHandle;
  const attemptTo = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw failure('io', name, `the file cannot be written (${sentenceOf(error)})`, error);
    }
  };
  return {
    async create(name) {
      const attempt = <T>(work: () => Promise<T>): Promise<T> => attemptTo(name, work);
      const stream = await attempt(async () => (await handle.getFileHandle(name, { create: true })).createWritable());
      return {
        write: (position, data) => attempt(() => stream.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> })),
        close: () => attempt(() => stream.close()),
        abort: () => stream.abort().catch(() => undefined),
      };
    },
    async remove(name) {
      await attemptTo(name, () =>
        handle.removeEntry(name).catch((error: unknown) => {
          if ((error as Error).name !== 'NotFoundError') throw error;
        }),
      );
    },
  };
}

/** A model that was taught, and the parts that it was taught with. */
export interface Saved {
  source: Source;
  spec: ModelSpec;
  card: string;
  parts: Parts<PreTrainedModel>;
}

/**
 * Writes the model's files, the weights first; returns the names. A file is there whole or not at all. `made` is called when the turn among the
 * teacher's saves has come, since files of two in one folder would not belong together, and the options are right.
 */
export async function saveTaught(turns: TurnQueue, target: SaveTarget, options: SaveOptions, made: () => Saved): Promise<string[]> {
  const { signal } = givenOptions(options);
  return turns.run(() => writeTaught(target, options, made), signal);
}

async function writeTaught(target: SaveTarget, options: SaveOptions, made: () => Saved): Promise<string[]> {
  const { dtype = 'f16', ...call } = givenOptions(options);
  checkCall('save()', call, ['onProgress', 'onWarning']);
  if (dtype !== 'f16' && dtype !== 'f32') throw mismatch('unsupported', 'dtype', shown(dtype), '"f16" or "f32"');
  const {
    source,
    spec,
    card,
    parts: { model, processor },
  } = made();
  const processorText = (await readOptionalText(source, PROCESSOR_FILE, call.signal, call)) ?? processorJson(processor.config);
  const { engine } = heldBy(model);
  const folder = folderOf(target);
  let file: FileToWrite | null = null;
  try {
    const facts = await engine.convert(
      source,
      spec,
      dtype,
      {
        async begin(_, bytes, first) {
          file = await folder.create(WEIGHTS_FILE, bytes);
          await file.write(0, first);
        },
        write: (offset, data) => file!.write(offset, data),
      },
      call,
    );
    await (file as FileToWrite | null)?.close();
    file = null;
    const texts = {
      [CONFIG_FILE]: convertedConfig(facts.json, facts, dtype, undefined),
      [PROCESSOR_FILE]: processorText,
      [CARD_FILE]: card,
    };
    for (const [name, text] of Object.entries(texts)) {
      const bytes = new TextEncoder().encode(text);
      file = await folder.create(name, bytes.length);
      await file.write(0, bytes);
      await file.close();
      file = null;
    }
    return [WEIGHTS_FILE, ...Object.keys(texts)];
  } finally {
    await (file as FileToWrite | null)?.abort();
  }
}

/** Returns the text of preprocessor_config.json for a processor's fields. */
export function processorJson(config: Readonly<Record<string, unknown>>): string {
  const plain = (value: unknown): unknown => (isArrayOf(value, Float32Array) ? [...(value as Float32Array)] : value);
  return `${JSON.stringify({ image_processor_type: 'BeitImageProcessor', ...configFields(config, plain) }, null, 2)}\n`;
}
