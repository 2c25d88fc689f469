/** From the name of a picture to its row. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { imageSize } from 'image-size';
import { FETCH_LIMIT_MS, failure, isAddress, isBucket } from './inputs.js';

const FETCH_ATTEMPTS = 3;
// From here on EXIF's orientations turn a picture on its side.
const FIRST_ON_ITS_SIDE = 5;

/** Returns the row of one picture: what it is, and what `work` makes of its bytes, or why there is nothing. */
export async function rowOf(beit, name, work, signal) {
  const began = performance.now();
  const row = { path: name, sha256: null, width: null, height: null, status: 'ok', error_code: null, error_message: null, milliseconds: 0 };
  try {
    const bytes = await bytesOf(beit, name, signal);
    row.sha256 = createHash('sha256').update(bytes).digest('hex');
    Object.assign(row, sizeOf(bytes), await work(bytes));
  } catch (error) {
    // What the model cannot give, no picture has; and what is stopped has not failed.
    if (signal.aborted || !(error instanceof beit.BeitError) || error.where === 'output' || error.code === 'disposed') throw error;
    Object.assign(row, { status: 'error', error_code: error.code, error_message: error.message });
  }
  row.milliseconds = Math.round((performance.now() - began) * 1000) / 1000;
  return row;
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
    // Node 20 collects an AbortSignal.timeout() that only AbortSignal.any() knows, which then never comes.
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${FETCH_LIMIT_MS / 1000} s`)), FETCH_LIMIT_MS);
    try {
      const answer = await fetch(name, { signal: AbortSignal.any([signal, limit.signal]) });
      if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
      await answer.body?.cancel();
      if (answer.status === 404 || answer.status === 410) throw failure(beit, 'not-found', name, `the server answered ${answer.status}`);
      if (attempt === FETCH_ATTEMPTS || answer.status < 500) throw failure(beit, 'network', name, `the server answered ${answer.status}`);
    } catch (error) {
      if (signal.aborted || error instanceof beit.BeitError) throw error;
      if (attempt === FETCH_ATTEMPTS) throw failure(beit, 'network', name, `the server cannot be reached (${error.message})`, error);
    } finally {
      clearTimeout(timer);
    }
  }
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
