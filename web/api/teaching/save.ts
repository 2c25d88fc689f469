/** Writing a taught model as the files that transformers reads. */
import { platform } from '#platform';
import { isArrayOf } from '../../base/realms.js';
import type { FromGlobal } from '../../base/globals.js';
import { failure, sentenceOf } from '../../base/errors.js';
import { convertedConfig, type ConversionType } from '../../engine/conversion.js';
import type { Engine, LoadCallOptions, ModelSpec } from '../../engine/engine.js';
import type { FileToWrite, FolderToWrite } from '../../platform/platform.js';
import { CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, type Source } from '../../sources/source.js';

/** A path (Node), a folder's handle (browsers), or an object that takes files. */
export type SaveTarget = string | FromGlobal<'FileSystemDirectoryHandle'> | FolderToWrite;

export const CARD_FILE = 'README.md';

/** Returns what files are written to. Throws unsupported for a path in a page. */
export function folderOf(target: SaveTarget): FolderToWrite {
  if (typeof target === 'string') return platform.folderToWrite(target);
  if ('create' in target) return target;
  const handle = target as FileSystemDirectoryHandle;
  return {
    async create(name) {
      const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
        try {
          return await work();
        } catch (error) {
          throw failure('io', name, `the file cannot be written (${sentenceOf(error)})`, error);
        }
      };
      const stream = await attempt(async () => (await handle.getFileHandle(name, { create: true })).createWritable());
      return {
        write: (position, data) => attempt(() => stream.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> })),
        close: () => attempt(() => stream.close()),
        abort: () => stream.abort().catch(() => undefined),
      };
    },
  };
}

/** Writes the model's files, the weights first; returns the names. A file is there whole or not at all. */
export async function saveTaught(
  { engine, source, spec, processor, card }: { engine: Engine; source: Source; spec: ModelSpec; processor: string; card: string },
  target: SaveTarget,
  dtype: ConversionType,
  call: LoadCallOptions,
): Promise<string[]> {
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
    const texts = { [CONFIG_FILE]: convertedConfig(facts.json, facts, dtype, undefined), [PROCESSOR_FILE]: processor, [CARD_FILE]: card };
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
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const plain = (value: unknown): unknown => (isArrayOf(value, Float32Array) ? [...(value as Float32Array)] : value);
  const fields = Object.entries(config).map(([name, value]) => [snake(name), plain(value)]);
  return `${JSON.stringify({ image_processor_type: 'BeitImageProcessor', ...Object.fromEntries(fields) }, null, 2)}\n`;
}
