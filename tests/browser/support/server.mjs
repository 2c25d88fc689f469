// A web server for browser tests: the site under a strict policy, isolated or not, in any sub-folder,
// with what tests need besides: pages of their own, fixtures, a slow file, a list of what browsers
// reported against the policy, and an end at any moment.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the page and its workers may do; the page must do with exactly this. */
export const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
  + "img-src 'self' blob: data:; style-src 'self'";

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.wasm': 'application/wasm', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.svg': 'image/svg+xml', '.safetensors': 'application/octet-stream',
};

// Looked through in this order: [address, folder].
const FOLDERS = [
  ['tests/', 'tests/browser/pages'],
  ['fixtures/', 'tests/fixtures'],
  ['beit-wasm/dist/', 'dist'],
  ['beit-wasm/weights/', 'weights'],
  ['', 'demo'],
];

/**
 * Starts a server on a free port of this machine.
 * @param {{ isolated?: boolean, base?: string }} options isolated: with the headers that give a page
 *   SharedArrayBuffer; base: the folder that the site is in, with slashes at both ends
 */
export async function startServer({ isolated = false, base = '/' } = {}) {
  const reports = [];
  const requests = [];
  const slow = new Map();
  const lost = new Set();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (request.method === 'POST' && pathname === '/csp-report') {
      collect(request, (text) => reports.push(JSON.parse(text)['csp-report']));
      response.writeHead(204).end();
      return;
    }
    requests.push(pathname);
    const path = pathname.startsWith(base) ? decodeURIComponent(pathname.slice(base.length)) : null;
    const file = path === null || lost.has(path) ? null : find(path);
    const headers = {
      'Content-Security-Policy': `${POLICY}; report-uri /csp-report`,
      'Cache-Control': 'no-store',
      ...(isolated && {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
        'Cross-Origin-Resource-Policy': 'same-origin',
      }),
    };
    if (!file) {
      response.writeHead(404, { ...headers, 'Content-Type': 'text/html' }).end('<!doctype html><title>Not found</title>');
      return;
    }
    send(request, response, file, headers, slow.get(path) ?? 0);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  // localhost rather than 127.0.0.1: both are secure contexts, but isolation asks for a host.
  const url = `http://localhost:${server.address().port}${base}`;
  return {
    url,
    /** What browsers reported against the policy, oldest first. */
    reports,
    /** Paths that were asked for, oldest first. */
    requests,
    /** Sends this file's first half at once and its second half only after so many milliseconds. */
    slowDown: (path, milliseconds) => slow.set(path, milliseconds),
    /** Answers for this file as if it were not there; or finds it again. */
    lose: (path) => lost.add(path),
    find: (path) => lost.delete(path),
    /** Ends the server and every connection; a second call does nothing. */
    stop: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
  };
}

function find(path) {
  const wanted = normalize(path === '' || path.endsWith('/') ? `${path}index.html` : path);
  if (wanted.startsWith('..')) return null;
  for (const [address, folder] of FOLDERS) {
    if (!wanted.startsWith(address)) continue;
    const file = join(ROOT, folder, wanted.slice(address.length));
    if (existsSync(file) && statSync(file).isFile()) return file;
  }
  return null;
}

/** Answers with a file, or with the range of it that was asked for. */
function send(request, response, file, headers, pause) {
  const { size } = statSync(file);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (start > end && size > 0) {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Length': end - start + 1,
    'Accept-Ranges': 'bytes',
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  });
  if (size === 0 || request.method === 'HEAD') {
    response.end();
  } else if (pause > 0) {
    const middle = start + Math.floor((end - start) / 2);
    createReadStream(file, { start, end: middle }).on('end', () => {
      const timer = setTimeout(() => createReadStream(file, { start: middle + 1, end }).pipe(response), pause);
      response.on('close', () => clearTimeout(timer));
    }).pipe(response, { end: false });
  } else {
    createReadStream(file, { start, end }).pipe(response);
  }
}

function collect(request, use) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => use(Buffer.concat(chunks).toString()));
}
