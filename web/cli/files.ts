/** Files of the command line: failures are sentences. */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { BeitError, failure, mismatch, sentenceOf } from '../base/errors.js';
import { writeSafetensors } from '../base/safetensors-writer.js';
import type { AnyArray, AnyTensor } from '../base/tensors.js';
import type { Engine } from '../engine/engine.js';
import { attemptWrite, temporaryNameOf } from '../platform/written-file-node.js';

/** Returns a file's bytes. Throws not-found or io. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw failure('not-found', path, 'there is no such file', error);
    if (code === 'EISDIR') throw failure('io', path, 'it is a folder, not a file', error);
    throw failure('io', path, `the file cannot be read (${sentenceOf(error)})`, error);
  }
}

/** Returns the object in a JSON file. Throws malformed for anything else. */
export function readJson(path: string): Record<string, unknown> {
  const text = new TextDecoder().decode(readBytes(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw failure('malformed', path, `it is not JSON (${sentenceOf(error)})`, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw mismatch('malformed', path, 'another value', 'a JSON object');
  return value as Record<string, unknown>;
}

/** Returns whether there is a file at `path`. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Throws not-found unless `path` is a folder. */
export function checkFolder(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw failure('not-found', path, 'there is no such folder');
  if (!stat.isDirectory()) throw failure('invalid-argument', path, 'it is not a folder');
}

/** Throws not-found unless `path` is a file. */
export function checkFile(path: string): void {
  if (!isFile(path))
    throw failure('not-found', path, statSync(path, { throwIfNoEntry: false }) ? 'it is not a file' : 'there is no such file');
}

/** Returns the tensors of a safetensors file; errors name the file. */
export async function readTensorFile(engine: Engine, path: string): Promise<Record<string, AnyTensor>> {
  const bytes = readBytes(path);
  try {
    return await engine.readTensors(bytes);
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    throw new BeitError(error.code, `${path}: ${error.message}`, { where: path, got: error.got, expected: error.expected, cause: error });
  }
}

/** Writes a safetensors file. Throws io. */
export function writeTensorFile(path: string, tensors: Record<string, { dims: number[]; data: AnyArray }>): void {
  writeBytes(path, writeSafetensors(tensors));
}

/** Writes a file. Throws io. */
export function writeBytes(path: string, bytes: Uint8Array): void {
  attemptWrite(path, () => writeFileSync(path, bytes));
}

/** Returns whether both paths are the same file, under whatever names. */
export function sameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

/** Writes a text file, whole or not at all. Throws io. */
export function writeTextFile(path: string, text: string): void {
  const temporary = temporaryNameOf(path);
  attemptWrite(path, () => {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  });
}
