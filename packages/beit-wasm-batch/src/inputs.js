/** From the words of --input to the names of pictures, in an order that is the same each time. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { glob } from 'tinyglobby';

// As web/cli/image-folder.ts has them.
const PICTURE = /\.(a?png|jpe|jpe?g|jfif|mpo|bmp|dib|gif|p[abgpnf]m|webp|tiff?|avif)$/i;
// What a server has not given in so long is not awaited.
const FETCH_LIMIT_MS = 60_000;
const ADDRESS = /^(https?|s3):/i;
const BUCKET = /^s3:/i;
const LIST = /\.txt$/i;
const TABLE = /\.parquet$/i;
const COLUMNS = ['path', 'url', 'file', 'image', 'file_name', 'image_path'];

/**
 * Returns the names (paths and URLs) that words stand for: a picture, a folder, a pattern, a list (.txt, a name a line), a table
 * (.parquet with a column path or url), `-` for a list on `stdin`, the URL of a picture or a list, or the address s3://BUCKET/KEY of any of
 * these, where a key that ends with / is a folder. `signal` ends it.
 */
export async function pictureNames(beit, words, stdin = process.stdin, signal = null) {
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
    throw wrongKind(beit, 'input', words, 'a list of texts, such as ["photos"]');
  const names = [];
  const ending = signal ?? new AbortController().signal;
  for (const word of words) {
    for (const name of await namesOf(beit, word, stdin, ending)) names.push(name);
    ending.throwIfAborted();
  }
  if (names.length === 0) throw failure(beit, 'not-found', words.join(' ') || 'input', 'there is no picture in it');
  return names;
}

/** Whether a name is an address, which every machine understands alike. */
export const isAddress = (name) => ADDRESS.test(name);
export const isBucket = (name) => BUCKET.test(name);

export function failure(beit, code, where, what, cause, status = 0) {
  return new beit.BeitError(code, `${where}: ${what}.`, { where, got: what, cause, status });
}

/** Returns the error of a file or folder with which the system refuses what is done with it; `what` says what that is. */
export function refusal(beit, where, error, what) {
  if (error.code === 'ENOENT') return failure(beit, 'not-found', where, 'there is no such file or folder', error);
  if (error.code === 'ENOTDIR' || error.code === 'EEXIST') return failure(beit, 'invalid-argument', where, 'it is not a folder', error);
  return failure(beit, 'io', where, `${what} (${error.message})`, error);
}

/** Returns options as they are. Throws invalid-argument for what is no object. */
export function givenOptions(beit, options) {
  if (kindOf(options) === 'object') return options;
  throw wrongKind(beit, 'options', options, 'an object');
}

/** What a value of a wrong kind is, in a sentence. */
export const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value);

/** Returns the invalid-argument of a value that is of another kind, which `got` tells. */
export function wrongKind(beit, where, value, expected, got = kindOf(value)) {
  return new beit.BeitError('invalid-argument', `${where}: got ${got}, expected ${expected}.`, { where, got, expected });
}

async function namesOf(beit, word, stdin, signal) {
  if (word === '-') return linesOf(await textOf(stdin, signal));
  if (isBucket(word)) return namesInBucket(beit, word, signal);
  if (isAddress(word)) return LIST.test(new URL(word).pathname) ? linesOf(await fetchText(beit, word, signal)) : [word];
  try {
    return await namesOnDisk(beit, word, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof beit.BeitError ? error : refusal(beit, error.path ?? word, error, 'it cannot be read');
  }
}

async function namesOnDisk(beit, word, signal) {
  const found = await statOf(word);
  if (found?.isDirectory()) return picturesIn(word, signal);
  if (found && LIST.test(word)) return linesOf(await readFile(word, { encoding: 'utf8', signal }));
  if (found && TABLE.test(word)) return namesInTable(beit, word, await asyncBufferFromFile(word));
  if (found) return [word];
  if (!/[*?[{]/.test(word)) throw failure(beit, 'not-found', word, 'there is no such file or folder');
  const how = { absolute: isAbsolute(word), onlyFiles: true, expandDirectories: false, signal };
  const names = await glob(word.replaceAll('\\', '/'), how);
  signal.throwIfAborted();
  return names.sort();
}

/** Returns what stands under a path, through links; null where there is nothing. */
async function statOf(path) {
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) return null;
    throw error;
  }
}

/** Returns the pictures of a folder and of those in it, linked ones too; `above`: the folders that it lies in, of which a link into one is not followed. */
async function picturesIn(folder, signal, above = []) {
  signal.throwIfAborted();
  const own = await realpath(folder);
  if (above.includes(own)) return [];
  const names = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const isFolder = entry.isSymbolicLink() ? (await statOf(path))?.isDirectory() : entry.isDirectory();
    if (isFolder) for (const name of await picturesIn(path, signal, [...above, own])) names.push(name);
    else if (PICTURE.test(entry.name)) names.push(path);
  }
  return names;
}

const linesOf = (text) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

async function textOf(stream, signal) {
  let text = '';
  try {
    for await (const part of addAbortSignal(signal, stream).setEncoding('utf8')) text += part;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return text;
}

/** Calls `work` with a signal that ends it when `signal` does, or after the longest that a server may take. */
export async function withinLimit(signal, work) {
  // Node 20 collects an AbortSignal.timeout() that only AbortSignal.any() knows, which then never comes.
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${FETCH_LIMIT_MS / 1000} s`)), FETCH_LIMIT_MS);
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}

async function fetchText(beit, address, signal) {
  return withinLimit(signal, async (either) => {
    try {
      const answer = await fetch(address, { signal: either });
      if (!answer.ok) throw failure(beit, 'network', address, `the server answered ${answer.status}`);
      return await answer.text();
    } catch (error) {
      if (signal.aborted || error instanceof beit.BeitError) throw error;
      throw failure(beit, 'network', address, `the server cannot be reached (${error.message})`, error);
    }
  });
}

async function namesInBucket(beit, address, signal) {
  const { listObjects, readObject } = await import('./s3.js');
  if (LIST.test(address)) return linesOf(Buffer.from(await readObject(beit, address, signal)).toString());
  if (TABLE.test(address)) return namesInTable(beit, address, arrayBufferOf(await readObject(beit, address, signal)));
  if (!/^s3:\/\/[^/]+\/?$|\/$/i.test(address)) return [address];
  return (await listObjects(beit, address, signal)).filter((name) => PICTURE.test(name));
}

export const arrayBufferOf = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);

/** Returns the names in a table's first column that may have some: one of pictures themselves, as Hugging Face's tables have it, has none. */
async function namesInTable(beit, path, file) {
  let column;
  let rows;
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = new Map(parquetSchema(metadata).children.map((child) => [child.element.name, child.children.length]));
    const there = COLUMNS.filter((name) => columns.has(name));
    if (there.length === 0) throw new Error(`it has none of the columns ${COLUMNS.join(', ')}`);
    column = there.find((name) => columns.get(name) === 0);
    if (!column)
      throw new Error(`its column ${there[0]} has pictures, or what else has parts; expected names: write the pictures to files first`);
    rows = await parquetReadObjects({ file, metadata, columns: [column] });
  } catch (error) {
    throw failure(beit, 'malformed', path, `the table cannot be read (${error.message})`, error);
  }
  return rows.map(({ [column]: name }, i) => {
    // A picture's own bytes, taken for text, have zeros in them.
    if (typeof name === 'string' && name !== '' && !name.includes('\0')) return name;
    const got = typeof name === 'string' ? (name === '' ? 'an empty text' : 'bytes') : kindOf(name ?? null);
    const where = `${path}: row ${i} of the column ${column}`;
    throw new beit.BeitError('malformed', `${where}: got ${got}, expected a path or an address.`, {
      where,
      got,
      expected: 'a path or an address',
    });
  });
}
