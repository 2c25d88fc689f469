// The project's web server with what browser tests need besides: pages of their own, fixtures, a slow
// or a missing file, and a list of what browsers reported against the policy.
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../tools/places.mjs';
import { find, start, typeOf } from '../../../tools/serve.mjs';
import { SITE, policy } from '../../../tools/site.mjs';

export { root };

/** What tests serve: their own pages, fixtures, and the project as it stands. */
export const FOLDERS = [
  // A service worker serves what lies in its own folder or below: pages and the library's workers.
  ['isolation-worker.js', join(root, 'dist', 'isolation-worker.js')],
  ['tests/', join(root, 'tests', 'browser', 'pages')],
  ['fixtures/', join(root, 'tests', 'fixtures')],
  ['beit-wasm-avif/', join(root, 'packages', 'beit-wasm-avif')],
  ...SITE,
];

const REPORTS = 'policy-reports';

/**
 * Starts a server on a free port of this machine, under the policy that the project serves with.
 * @param {{ isolated?: boolean, base?: string, folders?: typeof SITE, connect?: string[], rules?: string, headers?: Record<string, string> }} options as
 *   serve.mjs has them; connect: other origins that pages may fetch from; rules: a policy in place of the project's;
 *   headers: those of every answer besides
 */
export async function startServer({
  isolated = true,
  base = '/',
  folders = FOLDERS,
  connect = [],
  rules = policy(connect),
  headers: extra = {},
} = {}) {
  const reports = [];
  const slow = new Map();
  const lost = new Set();
  const bare = new Set();
  const sent = [];
  const before = (path, request, response, headers) => {
    Object.assign(headers, extra);
    if (bare.has(path)) delete headers['Cross-Origin-Embedder-Policy'];
    const { writeHead } = response;
    response.writeHead = (status, given) => {
      if (path !== null && given?.['Content-Length']) sent.push({ path, bytes: given['Content-Length'] });
      return writeHead.call(response, status, given);
    };
    if (path === REPORTS) {
      collect(request, (text) => reports.push(JSON.parse(text)['csp-report']));
      response.writeHead(204).end();
      return true;
    }
    if (lost.has(path)) {
      response.writeHead(404, { ...headers, 'Content-Type': 'text/html' }).end('<!doctype html><title>Not found</title>');
      return true;
    }
    const file = slow.has(path) ? find(path, folders) : null;
    if (file) sendInHalves(response, file, headers, slow.get(path));
    return file !== null;
  };
  const { url, close, unref } = await start({ folders, isolated, base, policy: `${rules}; report-uri ${base}${REPORTS}`, before });
  unref(); // where a browser cannot be started, nobody waits for it
  return {
    url,
    /** What browsers reported against the policy, from pages and from workers, oldest first. */
    reports,
    /** What was answered: path and bytes of the body, oldest first. */
    sent,
    /** Sends this file's first half at once and its second half only after so many milliseconds. */
    slowDown: (path, milliseconds) => slow.set(path, milliseconds),
    speedUp: (path) => slow.delete(path),
    /** Answers for this file as if it were not there; or finds it again. */
    lose: (path) => lost.add(path),
    find: (path) => lost.delete(path),
    /** Sends this file without Cross-Origin-Embedder-Policy. */
    bare: (path) => bare.add(path),
    /** Ends the server and every connection; a second call does nothing. */
    stop: close,
  };
}

function sendInHalves(response, file, headers, pause) {
  const { size } = statSync(file);
  const middle = Math.floor(size / 2);
  response.writeHead(200, { ...headers, 'Content-Type': typeOf(file), 'Content-Length': size });
  createReadStream(file, { end: middle - 1 })
    .on('end', () => {
      const timer = setTimeout(() => createReadStream(file, { start: middle }).pipe(response), pause);
      response.on('close', () => clearTimeout(timer));
    })
    .pipe(response, { end: false });
}

function collect(request, use) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => use(Buffer.concat(chunks).toString()));
}
