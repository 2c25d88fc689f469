/** A run's files: a model as transformers reads it, and what the run needs besides to go on. */
import { failure, sentenceOf } from '../../base/errors.js';
import { safetensorsHeader } from '../../base/safetensors-writer.js';
import type { FileToWrite, FolderToWrite } from '../../platform/platform.js';
import type { Source } from '../../sources/source.js';
import { stoppable } from '../../sources/stoppable.js';
import { readText } from '../../sources/text.js';

/** Moments and averages, as torch.optim.AdamW calls them. */
export const OPTIMIZER_FILE = 'optimizer.safetensors';
/** As transformers' Trainer writes it. */
export const STATE_FILE = 'trainer_state.json';
/** The recipe: a run goes on by the same. */
export const RECIPE_FILE = 'training_recipe.json';

export interface TensorToWrite {
  name: string;
  shape: readonly number[];
}

/**
 * Writes a safetensors file, of which one tensor is in memory at a time. It is there whole or not at all; `before` is called when all of it has been
 * written, and has not taken another's place yet.
 */
export async function writeTensors(
  folder: FolderToWrite,
  name: string,
  tensors: readonly TensorToWrite[],
  dtype: 'F32' | 'F16',
  read: (name: string) => Promise<Uint8Array>,
  before?: () => Promise<void>,
): Promise<void> {
  const rows = tensors.map((tensor) => ({ ...tensor, dtype, bytes: tensor.shape.reduce((a, b) => a * b, dtype === 'F16' ? 2 : 4) }));
  const begin = safetensorsHeader(rows, { format: 'pt' });
  await written(await folder.create(name, begin.length + rows.reduce((sum, { bytes }) => sum + bytes, 0)), async (file) => {
    await file.write(0, begin);
    let at = begin.length;
    for (const { name: tensor, bytes } of rows) {
      await file.write(at, await read(tensor));
      at += bytes;
    }
    await before?.();
  });
}

export async function writeJson(folder: FolderToWrite, name: string, value: unknown): Promise<void> {
  return writeText(folder, name, `${JSON.stringify(value, null, 2)}\n`);
}

export async function writeText(folder: FolderToWrite, name: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  await written(await folder.create(name, bytes.length), async (file) => void (await file.write(0, bytes)));
}

async function written(file: FileToWrite, write: (file: FileToWrite) => Promise<void>): Promise<void> {
  try {
    await write(file);
    await file.close();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Takes files into memory. */
export class FilesInMemory implements FolderToWrite {
  readonly files: Record<string, Uint8Array> = {};

  create(name: string, bytes: number): FileToWrite {
    const file = new Uint8Array(bytes);
    return {
      write: (offset, data) => file.set(data, offset),
      close: () => {
        this.files[name] = file;
      },
      abort: () => undefined,
    };
  }

  remove(name: string): void {
    delete this.files[name];
  }
}

/** Returns what a file of JSON says. Rejects as readText(), and with malformed. */
export async function readJson<T>(source: Source, name: string, signal: AbortSignal | null | undefined): Promise<T> {
  const text = await readText(source, name, signal);
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw failure('malformed', `${source.label}/${name}`, `it is not JSON (${sentenceOf(error)})`, error);
  }
}

/** Returns all bytes of a file. */
export async function readBytes(source: Source, name: string, signal: AbortSignal | null | undefined): Promise<Uint8Array> {
  const file = await stoppable(source, signal).open(name, signal);
  try {
    const { size } = file;
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const chunk of file.read(0, size)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at < size) throw failure('truncated', `${source.label}/${name}`, `it ends ${size - at} bytes early`);
    return bytes;
  } finally {
    await file.close();
  }
}
