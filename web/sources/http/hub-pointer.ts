/** The SHA-256 of a hub's large file where neither its list nor a redirect that is seen tells it: git's text in place of the file has it. */
import type { HubPlace } from './hub-address.js';
import { get, type HttpTarget } from './answer.js';
import { BodyReader } from './body-reader.js';

// A load does not wait longer for what only verifies it.
const MOST_WAIT_MS = 5000;
// The text takes less.
const MOST_BYTES = 1024;

type Place = Pick<HubPlace, 'host' | 'id'> & { revision: string };

/** Returns the sum; empty where the hub does not tell it. Never rejects: what is not verified still loads. */
export async function pointerSum(
  { host, id, revision }: Place,
  path: string,
  target: HttpTarget,
  signal: AbortSignal | null,
): Promise<string> {
  const url = `${host}/${id}/raw/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`;
  try {
    const answer = await get({ ...target, url }, -1, {}, signal, MOST_WAIT_MS);
    try {
      const reader = answer.body && new BodyReader(answer.body);
      const decoder = new TextDecoder();
      let text = '';
      for (let chunk = await reader?.read(MOST_WAIT_MS); chunk && text.length <= MOST_BYTES; chunk = await reader?.read(MOST_WAIT_MS))
        text += decoder.decode(chunk, { stream: true });
      return sumInPointer(text);
    } finally {
      answer.end();
    }
  } catch {
    return '';
  }
}

/** Returns the sum in the text that git keeps in place of a large file, or an empty string. */
export function sumInPointer(text: string): string {
  if (!text.startsWith('version https://git-lfs.github.com/spec/')) return '';
  return /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1] ?? '';
}
