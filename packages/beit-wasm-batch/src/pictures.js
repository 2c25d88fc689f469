/** From the name of a picture to its row. */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageSize } from 'image-size';
import { failure, isAddress, isBucket, withinLimit } from './inputs.js';

const FETCH_ATTEMPTS = 4;
// Before the second attempt; each later one waits twice as long.
const PAUSE_MS = 500;
// A server that asks for more patience than this has refused the picture.
const MOST_PAUSE_MS = 30_000;
// Answers below 500 that pass by themselves: too late, too early, too many.
const PASSING = [408, 425, 429];
// From here on EXIF's orientations turn a picture on its side.
const FIRST_ON_ITS_SIDE = 5;
// Of the engines' errors those that only a picture's bytes have.
const OF_BYTES = ['bad-image', 'unsupported', 'html'];
// With these a system refuses whatever is read: a disk or a server of files that is away, and a process that may open no more.
const OF_DISK = ['EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENODEV', 'ENXIO'];
const OF_PROCESS = ['EMFILE', 'ENFILE', 'ENOMEM'];

/**
 * Returns the row of one picture: what it is, and what `work` makes of its bytes, or why there is nothing. Rejects where that is not the picture's: where
 * its disk is away, its bucket refuses whoever asks, or `work` fails with any picture, as where engines are lost and cannot be made anew. Then no
 * other picture would have an answer either.
 */
export async function rowOf(beit, name, work, signal) {
  const began = performance.now();
  const row = { path: name, sha256: null, width: null, height: null, status: 'ok', error_code: null, error_message: null, milliseconds: 0 };
  let bytes = null;
  try {
    bytes = await bytesOf(beit, name, signal);
    row.sha256 = createHash('sha256').update(bytes).digest('hex');
    Object.assign(row, sizeOf(bytes), await work(bytes));
  } catch (error) {
    // What is stopped has not failed.
    signal.throwIfAborted();
    if (!(error instanceof beit.BeitError)) throw error;
    if (bytes ? await failsAlways(error, work, signal) : await isAway(beit, name, error, signal)) throw error;
    Object.assign(row, { status: 'error', error_code: error.code, error_message: error.message });
  }
  row.milliseconds = Math.round((performance.now() - began) * 1000) / 1000;
  return row;
}

/** Returns the error of a row that has one, with its picture's name in the sentence. */
export function errorOf(beit, { path, error_code: code, error_message: message }) {
  const words = message.startsWith(path) ? '' : `${path}: `;
  return new beit.BeitError(code, `${words}${message}`, { where: path });
}

/** Whether `work` fails with any picture, as one that is right tells. */
async function failsAlways(error, work, signal) {
  if (OF_BYTES.includes(error.code)) return false;
  try {
    const { encode } = await import('fast-png');
    await work(encode({ width: 32, height: 32, channels: 1, data: new Uint8Array(32 * 32) }));
    return false;
  } catch {
    signal.throwIfAborted();
    return true;
  }
}

/** Whether the place of a picture that cannot be read is away, as its folder or bucket tells. Of a URL nobody knows: its server has refused that one. */
async function isAway(beit, name, error, signal) {
  if (isBucket(name)) return error.code !== 'not-found' && (await import('./s3.js')).isAway(beit, name, signal);
  if (isAddress(name)) return false;
  const code = error.cause?.code;
  if (OF_PROCESS.includes(code)) return true;
  if (!OF_DISK.includes(code)) return false;
  return readdir(dirname(name)).then(
    () => false,
    (other) => OF_DISK.includes(other.code),
  );
}

async function bytesOf(beit, name, signal) {
  if (isBucket(name)) return (await import('./s3.js')).readObject(beit, name, signal);
  if (isAddress(name)) return fetchBytes(beit, name, signal);
  try {
    return await readFile(name, { signal });
  } catch (error) {
    if (error.code === 'ENOENT') throw failure(beit, 'not-found', name, 'there is no such file', error);
    throw failure(beit, 'io', name, `the file cannot be read (${error.message})`, error);
  }
}

async function fetchBytes(beit, name, signal) {
  for (let attempt = 1; ; ++attempt) {
    const { bytes, error, pause } = await withinLimit(signal, (either) => fetchOnce(beit, name, either)).catch((thrown) => {
      signal.throwIfAborted();
      return { error: failure(beit, 'network', name, `the server cannot be reached (${thrown.message})`, thrown), pause: 0 };
    });
    if (bytes) return bytes;
    if (pause === null || pause > MOST_PAUSE_MS || attempt === FETCH_ATTEMPTS) throw error;
    await sleep(Math.max(pause, PAUSE_MS * 2 ** (attempt - 1)), undefined, { signal });
  }
}

/** Returns { bytes }, or { error, pause }: the least time in milliseconds after which the server may be asked again, null for never. */
async function fetchOnce(beit, name, signal) {
  const answer = await fetch(name, { signal });
  const { ok, status } = answer;
  if (ok) return { bytes: new Uint8Array(await answer.arrayBuffer()) };
  await answer.body?.cancel();
  const error = failure(beit, status === 404 || status === 410 ? 'not-found' : 'network', name, `the server answered ${status}`);
  return { error, pause: status >= 500 || PASSING.includes(status) ? askedPause(answer.headers.get('retry-after')) : null };
}

/** Returns the milliseconds that a Retry-After header asks for: seconds, or a date. */
function askedPause(header) {
  const pause = /^\d+$/.test(header ?? '') ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return Number.isFinite(pause) ? Math.max(pause, 0) : 0;
}

/** Returns the size of a picture as it is seen; nothing where its beginning does not tell. */
function sizeOf(bytes) {
  try {
    const { width, height, orientation = 1 } = imageSize(bytes);
    return orientation >= FIRST_ON_ITS_SIDE ? { width: height, height: width } : { width, height };
  } catch {
    return {};
  }
}
