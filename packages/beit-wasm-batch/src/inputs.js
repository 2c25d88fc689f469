/** From the words of --input to the names of pictures, in an order that is the same each time. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { glob } from 'tinyglobby';

const PICTURE = /\.(png|jpe?g|jfif|bmp|gif|webp|avif|tiff?|p[bgpn]m)$/i;
// What a server has not given in so long is not awaited.
export const FETCH_LIMIT_MS = 60_000;
const ADDRESS = /^(https?|s3):/i;
const BUCKET = /^s3:/i;
const LIST = /\.txt$/i;
const TABLE = /\.parquet$/i;
const COLUMNS = ['path', 'url', 'file', 'image', 'file_name', 'image_path'];

/**
 * Returns the names (paths and URLs) that words stand for: a picture, a folder, a pattern, a list (.txt, a name a line), a table
 * (.parquet with a column path or url), `-` for a list on `stdin`, the URL of a picture or a list, or the address s3://BUCKET/KEY of any of
 * these, where a key that ends with / is a folder.
 */
export async function pictureNames(beit, words, stdin = process.stdin) {
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string'))
    throw wrongKind(beit, 'input', words, 'a list of texts, such as ["photos"]');
  const names = [];
  for (const word of words) for (const name of await namesOf(beit, word, stdin)) names.push(name);
  if (names.length === 0) throw failure(beit, 'not-found', words.join(' ') || 'input', 'there is no picture in it');
  return names;
}

/** Whether a name is an address, which every machine understands alike. */
export const isAddress = (name) => ADDRESS.test(name);
export const isBucket = (name) => BUCKET.test(name);

export function failure(beit, code, where, what, cause, status = 0) {
  return new beit.BeitError(code, `${where}: ${what}.`, { where, got: what, cause, status });
}

/** Returns options as they are. Throws invalid-argument for what is no object. */
export function givenOptions(beit, options) {
  if (kindOf(options) === 'object') return options;
  throw wrongKind(beit, 'options', options, 'an object');
}

/** What a value of a wrong kind is, in a sentence. */
export const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value);

/** Returns the invalid-argument of a value that is of another kind. */
export function wrongKind(beit, where, value, expected) {
  const got = kindOf(value);
  return new beit.BeitError('invalid-argument', `${where}: got ${got}, expected ${expected}.`, { where, got, expected });
}

async function namesOf(beit, word, stdin) {
  if (word === '-') return linesOf(await textOf(stdin));
  if (isBucket(word)) return namesInBucket(beit, word);
  if (isAddress(word)) return LIST.test(new URL(word).pathname) ? linesOf(await fetchText(beit, word)) : [word];
  const stat = statSync(word, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return picturesIn(word);
  if (stat && LIST.test(word)) return linesOf(readFileSync(word, 'utf8'));
  if (stat && TABLE.test(word)) return namesInTable(beit, word, await asyncBufferFromFile(word));
  if (stat) return [word];
  if (/[*?[{]/.test(word))
    return (await glob(word.replaceAll('\\', '/'), { absolute: isAbsolute(word), onlyFiles: true, expandDirectories: false })).sort();
  throw failure(beit, 'not-found', word, 'there is no such file or folder');
}

function picturesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return picturesIn(path);
      return PICTURE.test(entry.name) ? [path] : [];
    });
}

const linesOf = (text) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

async function textOf(stream) {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += part;
  return text;
}

async function fetchText(beit, address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) }).catch((error) => {
    throw failure(beit, 'network', address, 'the server cannot be reached', error);
  });
  if (!answer.ok) throw failure(beit, 'network', address, `the server answered ${answer.status}`);
  return answer.text();
}

async function namesInBucket(beit, address) {
  const { listObjects, readObject } = await import('./s3.js');
  if (LIST.test(address)) return linesOf(Buffer.from(await readObject(beit, address)).toString());
  if (TABLE.test(address)) return namesInTable(beit, address, arrayBufferOf(await readObject(beit, address)));
  if (!/^s3:\/\/[^/]+\/?$|\/$/i.test(address)) return [address];
  return (await listObjects(beit, address)).filter((name) => PICTURE.test(name));
}

export const arrayBufferOf = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);

async function namesInTable(beit, path, file) {
  try {
    const rows = await parquetReadObjects({ file });
    const column = COLUMNS.find((name) => rows.length > 0 && name in rows[0]);
    if (!column) throw new Error(`it has none of the columns ${COLUMNS.join(', ')}`);
    return rows.map((row) => String(row[column]));
  } catch (error) {
    throw failure(beit, 'malformed', path, `the table cannot be read (${error.message})`, error);
  }
}
