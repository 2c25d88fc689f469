/** Files of a source that are read as text. */
import { tell } from '../base/callbacks.js';
import { asBeitError, mismatch } from '../base/errors.js';
import { countsAsMissing } from './missing.js';
import { checkChunk, type Source, type SourceFile, type SourceWatch } from './source.js';
import { stoppable } from './stoppable.js';

// JSON files of a checkpoint: ImageNet-22k's labels make config.json one of 2 MB.
const MOST_TEXT_BYTES = 64 << 20;

/** Returns all bytes of a file. Rejects with malformed when it is larger than text should be. */
async function readAll(file: SourceFile, label: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of file.read(0, MOST_TEXT_BYTES + 1)) {
    checkChunk(`${label}/${file.name}`, chunk, MOST_TEXT_BYTES + 1 - total);
    chunks.push(chunk.slice());
    total += chunk.length;
  }
  if (total > MOST_TEXT_BYTES) {
    throw mismatch('malformed', `${label}/${file.name}`, `more than ${MOST_TEXT_BYTES} bytes`, 'a file of text');
  }
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Returns a file's text, or rejects: not-found, html (a web page in its place), corrupt, network, io. */
export async function readText(source: Source, name: string, signal?: AbortSignal | null, watch?: SourceWatch): Promise<string> {
  try {
    return await textOf(await stoppable(source, signal).open(name, signal, watch), source.label);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw asBeitError(error);
  }
}

async function textOf(file: SourceFile, label: string): Promise<string> {
  try {
    const text = new TextDecoder().decode(await readAll(file, label));
    await file.finish?.();
    if (/^\s*</.test(text)) {
      throw mismatch('html', `${label}/${file.name}`, 'a web page', 'JSON');
    }
    return text;
  } finally {
    await file.close();
  }
}

/** Like readText, but returns null for a file that the source does not have, or refuses: that is told as a warning. */
export async function readOptionalText(
  source: Source,
  name: string,
  signal?: AbortSignal | null,
  watch?: SourceWatch,
): Promise<string | null> {
  try {
    return await readText(source, name, signal, watch);
  } catch (error) {
    if (!countsAsMissing(error)) throw error;
    if (error.code !== 'not-found') tell(watch?.onWarning, error);
    return null;
  }
}
