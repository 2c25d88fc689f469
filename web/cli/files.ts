/** Files of the command line: failures are sentences. */
import { readFileSync, renameSync, statSync, writeFileSync, type BigIntStats } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { BeitError, failure, mismatch, sentenceOf } from '../base/errors.js';
import { writeSafetensors } from '../base/safetensors-writer.js';
import type { AnyArray, AnyTensor } from '../base/tensors.js';
import type { Engine } from '../engine/engine.js';
import type { CommandSpec, Parsed } from './arguments.js';
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

/** Returns what is at `path`, or undefined where nothing is. Throws io where that cannot be told, such as for want of permission. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false, bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return undefined;
    throw failure('io', path, `it cannot be looked at (${sentenceOf(error)})`, error);
  }
}

/** Returns whether there is a file at `path`. */
export function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

/** Returns whether there is a folder at `path`. */
export function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** Throws not-found unless `path` is a folder. */
export function checkFolder(path: string): void {
  const stat = statOf(path);
  if (!stat) throw failure('not-found', path, 'there is no such folder');
  if (!stat.isDirectory()) throw failure('invalid-argument', path, 'it is not a folder');
}

/** Throws not-found unless `path` is a file. */
export function checkFile(path: string): void {
  if (!isFile(path)) throw failure('not-found', path || '""', statOf(path) ? 'it is not a file' : 'there is no such file');
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
  const [one, other] = [statOf(a), statOf(b)];
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

// Endings that say what is in a file.
const ENDINGS =
  'png jpg jpeg webp gif bmp tif tiff avif heic svg safetensors npy npz pt pth bin pkl onnx msgpack h5 json csv txt zip'.split(' ');

/** Throws invalid-argument for a path with the ending of another kind of file than the option's value, such as "OUT.safetensors|OUT.png", has. */
function checkEnding(name: string, value: string, path: string): void {
  const endings = [...value.matchAll(/\.(\w+)/g)].map(([, ending = '']) => ending);
  const ending = extname(path).slice(1).toLowerCase();
  if (endings.length === 0 || endings.includes(ending) || !ENDINGS.includes(ending)) return;
  throw mismatch('invalid-argument', `--${name}`, path, `a name that ends with .${endings.join(' or .')}`);
}

/**
 * Throws, before anything is done, for what a command could not write: not-found for a folder that is not there, invalid-argument for a folder in
 * place of a file and the other way round, for another kind of file by its ending, and for a file that the command reads, or is to write twice.
 */
export function checkWritten({ options }: CommandSpec, parsed: Parsed): void {
  const given = options
    .map((spec) => ({ ...spec, path: parsed.value(spec.name) }))
    .filter((option): option is typeof option & { path: string } => typeof option.path === 'string');
  const read = [...parsed.operands, ...given.filter(({ writes }) => !writes).map(({ path }) => path)];
  const written = new Map<string, string>();
  for (const { name, value, path, writes } of given) {
    const where = `--${name}`;
    const stat = statOf(path);
    if (writes === 'folder' && stat && !stat.isDirectory()) throw mismatch('invalid-argument', where, `${path}, a file`, 'a folder');
    if (writes !== 'file') continue;
    if (stat?.isDirectory()) throw mismatch('invalid-argument', where, `${path}, a folder`, 'the name of a file');
    checkFolder(dirname(path));
    const reader = isFile(path) && read.find((other) => sameFile(other, path));
    if (reader) throw mismatch('invalid-argument', where, `${path}, which is read and would be overwritten`, 'another file');
    checkEnding(name, value ?? '', path);
    const other = written.get(resolve(path));
    if (other) throw mismatch('invalid-argument', where, `${path}, which --${other} writes`, 'another file');
    if (!stat || stat.isFile()) written.set(resolve(path), name);
  }
}

/** Writes a text file, whole or not at all. Throws io. */
export function writeTextFile(path: string, text: string): void {
  const temporary = temporaryNameOf(path);
  attemptWrite(path, () => {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  });
}
