/** Addresses of a hub's pages and files, as a browser's address bar shows them. */
import { mismatch } from '../../base/errors.js';
import { isWeightsFile } from '../source.js';

export const HUB_HOST = 'https://huggingface.co';

// The same hub by other names.
const HUB_ORIGINS = new Set([HUB_HOST, 'https://www.huggingface.co', 'https://hf.co']);

/** A place in a repository. */
export interface HubPlace {
  host: string;
  id: string;
  /** Null: the address names none. */
  revision: string | null;
  /** Within the repository, with a slash at its end; empty: its root. */
  folder: string;
  /** Of a weights file, or null: the folder. */
  weightsName: string | null;
}

/**
 * Returns what HUB/owner/name, …/tree/REV, …/blob/REV/FILE, …/raw/REV/FILE or …/resolve/REV/FILE means; null for
 * what is no address of a hub. `host` is a hub as well. Throws invalid-argument for a page of it that is no model.
 */
export function hubPlace(url: URL, host = HUB_HOST): HubPlace | null {
  const other = host.replace(/\/+$/, '');
  const known = HUB_ORIGINS.has(url.origin) ? url.origin : '';
  const prefix = url.href.startsWith(`${other}/`) ? other : known;
  if (!prefix) return null;
  const path = url.origin + url.pathname;
  const parts = path
    .slice(prefix.length)
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  const action = parts.findIndex((part, i) => i >= 1 && i <= 2 && ACTIONS.has(part));
  const id = (action < 0 ? parts : parts.slice(0, action)).join('/');
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(id) || (parts.length > 1 && NO_MODELS.has(parts[0]!))) {
    throw mismatch('invalid-argument', 'source', url.href, `the address of a model's repository, ${prefix}/owner/name, or of a file in it`);
  }
  const place = { host: known ? HUB_HOST : prefix, id };
  if (action < 0) return { ...place, revision: null, folder: '', weightsName: null };
  // A pull request's revision, refs/pr/1, is shown as it is.
  const after = action + (parts[action + 1] === 'refs' ? 4 : 2);
  const revision = parts.slice(action + 1, after).join('/') || null;
  const rest = parts.slice(after);
  const named = parts[action] === 'tree' ? undefined : rest.pop();
  const folder = rest.map((part) => `${part}/`).join('');
  return { ...place, revision, folder, weightsName: named !== undefined && isWeightsFile(named) ? named : null };
}

/** Returns a part of an address without its escapes; what has malformed ones as it stands. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const ACTIONS = new Set(['tree', 'blob', 'raw', 'resolve']);
const NO_MODELS = new Set(['datasets', 'spaces', 'collections', 'papers', 'docs', 'api']);
