// A static web server with ranges, a strict Content-Security-Policy and, if wanted, isolation. As a
// command it builds the site and serves that.
//   node tools/serve.mjs [--port N] [--host NAME] [--base /FOLDER/] [--not-isolated]
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure, main, say } from './report.mjs';
import { BUILT_SITE, ISOLATION, SITE, buildSite, policy as policyOf } from './site.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

/**
 * Starts a server. Returns { url, close }.
 * @param {object} options
 *   folders   what is served: [[address, folder], …], default the project's folders as they stand
 *   isolated  with the headers that give a page SharedArrayBuffer (default true)
 *   base      the folder that the site is in, with slashes at both ends (default '/')
 *   port      0 (the default) takes a free one
 *   host      default 'localhost': only this machine
 *   policy    the Content-Security-Policy
 *   before    (path, request, response, headers) => true if it has answered; path is relative to base
 */
export async function start({
  folders = SITE,
  isolated = true,
  base = '/',
  port = 0,
  host = 'localhost',
  policy = policyOf(),
  before = () => false,
} = {}) {
  const server = createServer((request, response) => {
    const path = pathOf(request, base);
    const headers = { 'Content-Security-Policy': policy, 'Cache-Control': 'no-cache', ...(isolated && ISOLATION) };
    if (before(path, request, response, headers)) return;
    const file = path === null ? null : find(path, folders);
    if (file) sendFile(request, response, file, headers);
    else response.writeHead(404, { ...headers, 'Content-Type': TYPES['.html'] }).end('<!doctype html><title>Not found</title>Not found');
  });
  await new Promise((resolve, reject) => {
    server.on('error', (error) => reject(new Failure(`Port ${port} of ${host} cannot be used: ${error.message}`)));
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${host}:${server.address().port}${base}`,
    /** Lets the process end while this serves. */
    unref: () => server.unref(),
    /** Ends the server and every connection; a second call does nothing. */
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Returns what is asked for, decoded and relative to `base`, or null when it is elsewhere. */
function pathOf(request, base) {
  try {
    const { pathname } = new URL(request.url, 'http://localhost');
    return pathname.startsWith(base) ? decodeURIComponent(pathname.slice(base.length)) : null;
  } catch {
    return null;
  }
}

/** Returns the file that a path leads to in `folders`, or null. */
export function find(path, folders) {
  const wanted = normalize(path === '' || path.endsWith('/') ? `${path}index.html` : path);
  if (wanted.startsWith('..') || wanted.includes('\0')) return null;
  for (const [address, folder] of folders) {
    if (!wanted.startsWith(address)) continue;
    const file = join(folder, wanted.slice(address.length));
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  return null;
}

/** Returns the Content-Type of a file. */
export const typeOf = (file) => TYPES[extname(file)] ?? 'application/octet-stream';

/** Answers with a file, or with the one range of it that was asked for. */
export function sendFile(request, response, file, headers) {
  const { size, mtimeMs } = statSync(file);
  // Asked again, as no-cache has it, a browser need not get again what it has.
  const tag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304, { ...headers, ETag: tag }).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (range && start > end) {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'Content-Type': typeOf(file),
    'Content-Length': end - start + 1,
    'Accept-Ranges': 'bytes',
    ETag: tag,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) response.end();
  else
    createReadStream(file, { start, end, highWaterMark: 1 << 20 })
      .on('error', () => response.destroy())
      .pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: '8080' },
        host: { type: 'string', default: 'localhost' },
        base: { type: 'string', default: '/' },
        'not-isolated': { type: 'boolean', default: false },
      },
    });
    await buildSite();
    const { url } = await start({
      folders: [['', BUILT_SITE]],
      port: Number(values.port),
      host: values.host,
      base: values.base,
      isolated: !values['not-isolated'],
    });
    say(`The demo is at ${url} (Ctrl+C ends it)`);
  });
}
