// A hub on this machine, for tests and benchmarks: two hosts (two ports), redirects from one to the
// other with URLs that expire, a CDN whose ETag has 64 digits and is not the SHA-256, ranges, and
// every way of failing that a network has.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';

const LARGE = /\.(safetensors|bin|pth|pt|msgpack|pkl)$/;
const EXPOSED =
  'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash';
const PIECE = 1 << 18;

/**
 * Faults of one file; each is absent by default.
 * @typedef {object} Faults
 * @property {number[]} [cuts]      positions in the file at which a connection is destroyed, each once
 * @property {number[]} [statuses]  answers to the next requests, in order
 * @property {string} [retryAfter]  sent with these
 * @property {boolean} [noRanges]   always the whole file
 * @property {boolean} [noLength]   without Content-Length
 * @property {number} [longer]      so many bytes more in Content-Length than are sent
 * @property {string} [contentRange] in place of the true one
 * @property {number} [flip]        a position whose byte is sent wrong
 * @property {string} [html]        a page in place of the file
 * @property {number} [stall]       a position at which the body stops and the connection stays
 * @property {number} [pause]       milliseconds between pieces of 256 KB
 * @property {string} [etag]        in place of the true one
 * @property {boolean} [noValidators] neither ETag nor Last-Modified
 */

/**
 * Starts the two hosts. `files`: bytes, or the path of a file, by "owner/name/file". Returns
 * { url, cdn, requests, fail, replace, sha256, etag, expire, tell, network, protect, commit, close }; requests are { host, method, path, range, headers, open }.
 */
export async function startHub(files, { host = 'localhost' } = {}) {
  let contents = new Map(Object.entries(files).map(([name, content]) => [name, open(content)]));
  // By commit: a repository's past stays.
  const commits = new Map();
  const head = () => {
    const commit = sumOf([...contents].map(([name, { sha256 }]) => `${name} ${sha256}\n`)).slice(0, 40);
    commits.set(commit, contents);
    return commit;
  };
  let access = 'public';
  let accepted = '';
  const faults = new Map();
  const requests = [];
  // Signatures of earlier numbers have expired.
  let firstValid = 1;
  let tells = 'sums';
  let network = 'good';
  let signed = 0;
  const cdn = createServer((request, response) => answer(request, response, 'cdn'));
  const hub = createServer((request, response) => answer(request, response, 'hub'));
  for (const server of [cdn, hub]) await new Promise((resolve) => server.listen(0, host, resolve));
  const urlOf = (server) => `http://${host}:${server.address().port}`;

  function answer(request, response, from) {
    const { pathname, searchParams } = new URL(request.url, 'http://x/');
    const { method, headers } = request;
    const entry = { host: from, method, path: pathname, range: headers.range ?? '', headers, open: true };
    requests.push(entry);
    response.on('close', () => {
      entry.open = false;
    });
    if (network === 'silent') return;
    if (network === 'refusing') {
      request.socket.destroy();
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', '*');
    if (network === 'portal') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Welcome to our guests</title>');
      return;
    }
    response.setHeader('Access-Control-Expose-Headers', EXPOSED);
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { 'Access-Control-Allow-Headers': 'Authorization' }).end();
      return;
    }
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(pathname);
    const allowed = access === 'public' || request.headers.authorization === `Bearer ${accepted}`;
    if (api) {
      const revision = decodeURIComponent(api[2]);
      // As the real one: what is private is not told from what is not there, and what is gated may be looked at.
      if (access === 'private' && !allowed) refuse(response, 401, '', 'Invalid username or password.');
      else if (tells === 'nothing' || tells === 'pointers') response.writeHead(404).end();
      else if (revision === 'absent') refuse(response, 404, 'RevisionNotFound', 'Invalid rev id: absent');
      else response.setHeader('Content-Type', 'application/json; charset=utf-8').end(JSON.stringify(listingOf(api[1], revision)));
      return;
    }
    const raw = /^\/([^/]+\/[^/]+)\/raw\/[^/]+\/(.+)$/.exec(decodeURIComponent(pathname));
    const pointed = raw && contents.get(`${raw[1]}/${raw[2]}`);
    if (pointed && LARGE.test(raw[2])) {
      if (tells === 'nothing') response.writeHead(401).end();
      else
        response
          .setHeader('Content-Type', 'text/plain')
          .end(`version https://git-lfs.github.com/spec/v1\noid sha256:${pointed.sha256}\nsize ${pointed.size}\n`);
      return;
    }
    const parts = /^\/([^/]+\/[^/]+)\/(?:resolve\/([^/]+)\/)?(.+)$/.exec(decodeURIComponent(pathname));
    const name = parts && `${parts[1]}/${parts[3]}`;
    const commit = parts?.[2] ?? searchParams.get('commit');
    const content = name && (commits.get(commit) ?? contents).get(name);
    if (from === 'hub' && !allowed) {
      if (access === 'gated')
        refuse(response, 401, 'GatedRepo', `Access to model ${parts?.[1]} is restricted. You must have access to it.`);
      else refuse(response, 401, 'RepoNotFound', 'Invalid username or password.');
      return;
    }
    if (!content) {
      const status = faults.get(name)?.statuses?.[0];
      if (status) return void response.writeHead(status, { 'Content-Type': 'application/xml' }).end('<Error/>');
      response.writeHead(404, { 'Content-Type': 'text/plain', 'X-Error-Code': 'EntryNotFound' }).end('Entry not found');
      return;
    }
    response.setHeader('X-Repo-Commit', commits.has(commit) ? commit : head());
    if (from === 'hub' && LARGE.test(name)) {
      response
        .writeHead(302, {
          'X-Linked-ETag': `"${content.sha256}"`,
          'X-Linked-Size': content.size,
          'X-Xet-Hash': content.xetHash,
          ETag: `"${content.xetHash}"`,
          Location: `${urlOf(cdn)}/${name}?commit=${commit}&X-Xet-Signed-Range=bytes%3D0-&signature=${++signed}`,
        })
        .end();
      return;
    }
    if (from === 'cdn' && searchParams.has('signature') && Number(searchParams.get('signature')) < firstValid) {
      response.writeHead(403, { 'Content-Type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>');
      return;
    }
    send(request, response, content, faults.get(name) ?? {}, LARGE.test(name));
  }

  /** What the hub's API says of a revision with ?blobs=true: an ordinary file has git's name, a large one its SHA-256 as well. */
  function listingOf(id, revision) {
    const masked = (sum) => (tells === 'asterisks' ? '*'.repeat(64) : sum);
    const siblings = [...(commits.get(revision) ?? contents)]
      .filter(([name]) => name.startsWith(`${id}/`))
      .map(([name, { size, sha256 }]) => ({
        rfilename: name.slice(id.length + 1),
        blobId: LARGE.test(name) ? sumOf(['pointer', sha256]).slice(0, 40) : sha256.slice(0, 40),
        size,
        ...(LARGE.test(name) && { lfs: { sha256: masked(sha256), size, pointerSize: 134 } }),
      }));
    const gated = access === 'gated' && 'manual';
    const sha = /^[0-9a-f]{40}$/.test(revision) ? revision : head();
    return { _id: '621ffdc136468d709f17ddb4', id, modelId: id, private: access === 'private', disabled: false, gated, sha, siblings };
  }

  function refuse(response, status, code, message) {
    const headers = { 'Content-Type': 'application/json', 'X-Error-Message': message, ...(code && { 'X-Error-Code': code }) };
    response.writeHead(status, headers).end(JSON.stringify({ error: message }));
  }

  return {
    url: urlOf(hub),
    cdn: urlOf(cdn),
    requests,
    /** Sets the faults of a file ("owner/name/file"); without any it is served well again. */
    fail: (name, wrong = {}) => faults.set(name, structuredClone(wrong)),
    /** Another version of a file, or none: a new commit. */
    replace: (name, content) => {
      head();
      contents = new Map(contents);
      if (content) contents.set(name, open(content));
      else contents.delete(name);
    },
    /** What the branch is. */
    commit: head,
    /** 'public', 'gated' or 'private', but for who comes with the token. */
    protect: (how, token = '') => {
      access = how;
      accepted = token;
    },
    sha256: (name) => contents.get(name).sha256,
    /** The ETag that the CDN sends of a large file: its Xet hash. */
    etag: (name) => `"${contents.get(name).xetHash}"`,
    /** What API and pointers tell: 'sums', 'asterisks' (an API that hides them), 'pointers' (no API), or 'nothing'. */
    tell: (what) => {
      tells = what;
    },
    /** What is between: 'good', 'silent' (no answer), 'portal' (a login page for whatever is asked), or 'refusing'. */
    network: (kind) => {
      network = kind;
    },
    /** Makes every URL that was signed so far answer 403. */
    expire: () => {
      firstValid = signed + 1;
    },
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      for (const content of contents.values()) content.close();
    },
  };
}

/** Returns how a content is read: { size, sha256, xetHash, lastModified, read(start, end), close() }. */
function open(content) {
  const opened = openBytes(content);
  // As long as a SHA-256, and made of the same bytes in another way.
  return { ...opened, xetHash: sumOf(['xet', opened.sha256]) };
}

function openBytes(content) {
  const lastModified = new Date(Date.UTC(2024, 0, 1, 12)).toUTCString();
  if (typeof content !== 'string') {
    return { size: content.length, sha256: sumOf([content]), lastModified, read: (start, end) => content.subarray(start, end), close() {} };
  }
  const handle = openSync(content, 'r');
  const { size } = statSync(content);
  const read = (start, end) => {
    const bytes = Buffer.allocUnsafe(end - start);
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, start));
  };
  const pieces = function* () {
    for (let at = 0; at < size; at += PIECE) yield read(at, Math.min(at + PIECE, size));
  };
  return { size, sha256: sumOf(pieces()), lastModified, read, close: () => closeSync(handle) };
}

function sumOf(pieces) {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

function send(request, response, content, wrong, large) {
  const { size } = content;
  const status = wrong.statuses?.shift();
  if (status) {
    response.writeHead(status, { ...(wrong.retryAfter && { 'Retry-After': wrong.retryAfter }) }).end('not now');
    return;
  }
  if (wrong.html !== undefined) {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(wrong.html);
    return;
  }
  const etag = wrong.etag ?? (large ? `"${content.xetHash}"` : `"${content.sha256.slice(0, 40)}"`);
  const validators = wrong.noValidators ? {} : { ETag: etag, 'Last-Modified': content.lastModified };
  const headers = { 'Content-Type': large ? 'application/octet-stream' : 'text/plain; charset=utf-8', ...validators };
  if (!large && !request.headers.range && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    response.writeHead(200, { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }).end(gzipSync(content.read(0, size)));
    return;
  }
  const condition = request.headers['if-range'];
  const holds = condition === undefined || condition === etag || condition === content.lastModified;
  const asked = !wrong.noRanges && holds ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
  const start = asked ? Number(asked[1]) : 0;
  const end = asked?.[2] ? Math.min(Number(asked[2]) + 1, size) : size;
  if (asked && start >= size) {
    response.writeHead(416, { ...validators, 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  if (!wrong.noLength) headers['Content-Length'] = end - start + (wrong.longer ?? 0);
  if (!wrong.noRanges) headers['Accept-Ranges'] = 'bytes';
  if (asked) headers['Content-Range'] = wrong.contentRange ?? `bytes ${start}-${end - 1}/${size}`;
  response.writeHead(asked ? 206 : 200, headers);
  if (request.method === 'HEAD') response.end();
  else void sendBody(response, content, start, end, wrong);
}

async function sendBody(response, content, start, end, wrong) {
  const stop = () => wrong.cuts?.find((cut) => cut >= start && cut <= end) ?? Infinity;
  const cut = stop();
  for (let at = start; at < end && !response.destroyed; ) {
    const next = Math.min(at + PIECE, end, cut, wrong.stall > at ? wrong.stall : Infinity);
    if (at === wrong.stall) return;
    const bytes = Buffer.from(content.read(at, next));
    if (wrong.flip >= at && wrong.flip < next) bytes[wrong.flip - at] ^= 1;
    if (!response.write(bytes) && !response.destroyed) {
      await new Promise((resolve) => {
        const done = () => response.off('drain', done).off('close', done) && resolve();
        response.on('drain', done).on('close', done);
      });
    }
    if (wrong.pause)
      await new Promise((resolve) => {
        setTimeout(resolve, wrong.pause);
      });
    at = next;
    if (at === cut) {
      wrong.cuts.splice(wrong.cuts.indexOf(cut), 1);
      // What has been written is to arrive before the end does.
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      response.destroy();
      return;
    }
  }
  if (wrong.longer) response.destroy();
  else response.end();
}
