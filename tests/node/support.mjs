// What several tests need: a server that misbehaves on demand, small files, the command line.
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { chooseBuild, detectCapabilities } from '../../dist/core/capabilities.js';
import { nodeHost } from '../../dist/platform/host-node.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const golden = join(root, 'tests/fixtures/golden');
export const BUILDS = ['simd', 'simd-threads', 'relaxed-threads'];

/** Returns why a build cannot be had in this process, for a test's `skip`; or false. npm test gives the flag. */
export function lacking(build) {
  try {
    chooseBuild(detectCapabilities(nodeHost()), { build });
    return false;
  } catch (error) {
    return error.message;
  }
}

const ends = new WeakMap();

/**
 * Has `end` called after the test. What was begun last ends first, and each has its turn: Node's hooks have the other order, and the
 * first that fails is the last, so that a folder into which a process still writes would leave that process, and the test's with it, for ever.
 */
export function afterwards(test, end) {
  const known = ends.get(test);
  if (known) return void known.push(end);
  const all = [end];
  ends.set(test, all);
  test.after(async () => {
    const failed = [];
    for (const each of all.reverse()) {
      try {
        await each();
      } catch (error) {
        failed.push(error);
      }
    }
    if (failed.length > 0) throw failed[0];
  });
}

/** Returns a new folder that is removed after the test. */
export function temporaryFolder(test) {
  const folder = mkdtempSync(join(tmpdir(), 'beit-test-'));
  afterwards(test, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Stands for the process where something listens to its signals: a test's own is ended by them. */
export const noSignals = new EventEmitter();

/**
 * Starts a server on this machine. `answer(request, response)` does all. Returns its base URL and
 * the requests so far, as "GET /path bytes=5-".
 */
export async function serve(test, answer) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trimEnd());
    answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(test, () => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${server.address().port}/`, requests };
}

/** Returns a request handler that serves `files` ({name: bytes}), with or without ranges. */
export function fileServer(files, { ranges = true, length = true } = {}) {
  return (request, response) => {
    const bytes = files[decodeURIComponent(new URL(request.url, 'http://x/').pathname.split('/').pop())];
    if (!bytes) {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no such page</html>');
      return;
    }
    const start = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    const headers = { 'content-type': 'application/octet-stream', ...(ranges && { 'accept-ranges': 'bytes' }) };
    if (start >= bytes.length && start > 0) {
      response.writeHead(416).end();
      return;
    }
    if (length) headers['content-length'] = bytes.length - start;
    if (start > 0) headers['content-range'] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(start > 0 ? 206 : 200, headers).end(bytes.subarray(start));
  };
}

/** Returns all bytes of an asynchronous iterable. */
export async function collect(chunks) {
  const parts = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  return Buffer.concat(parts);
}

/** Asserts that `promise` rejects with a BeitError of that code whose sentence matches. Returns it. */
export async function rejects(promise, code, sentence = /\S/) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `no error, expected ${code}`);
  assert.equal(error.name, 'BeitError', error.stack);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, sentence);
  assert.match(error.message, /\.$/, 'a sentence ends with a full stop');
  return error;
}

// No test reads or writes what the user has downloaded.
const ENVIRONMENT = {
  ...process.env,
  BEIT_CACHE: '',
  HF_HOME: '/nowhere',
  HF_HUB_CACHE: '',
  HF_TOKEN: '',
  HF_ENDPOINT: '',
  HF_HUB_OFFLINE: '',
};

/** Runs the command line. Returns {status, stdout, stderr}. */
export const beit = (...words) => beitIn({}, ...words);

/** The same with these environment variables. */
export function beitIn(variables, ...words) {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...words], { cwd: root, env: { ...ENVIRONMENT, ...variables } });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...texts }));
  });
}

/** Returns the files of a folder as a source of bytes. */
export function filesOf(folder, ...names) {
  return Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
}

/** Returns the words of `beit batch` for a list of pictures that are classified, ten a shard. */
export function batchWords({ model, list, output }) {
  return ['batch', '--task', 'classify', '--model', model, '--input', list, '--output', output, '--shard-size', '10'];
}

/** Returns the two ends of a channel between a worker and its owner, both in this thread: hostEngine() takes one, RemoteEngine the other. */
export function channelEnds() {
  const ends = [{}, {}].map(() => ({
    listen(onMessage) {
      this.onMessage = onMessage;
    },
    terminate: async () => undefined,
  }));
  ends.forEach((end, i) => {
    end.post = (message) => queueMicrotask(() => ends[1 - i].onMessage(structuredClone(message)));
  });
  return ends;
}
