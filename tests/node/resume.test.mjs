// Downloads that go on where an earlier call, process or thread has left them, and locks between those.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BeitError, cache } from '../../dist/node.js';
import { nodeHttp } from '../../dist/platform/http-node.js';
import { FileLock, isLocked } from '../../dist/sources/cache/lock-node.js';
import { openNodeCache } from '../../dist/sources/cache/node.js';
import { hubSource, urlSource } from '../../dist/sources/http/source.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, collect, rejects, serve, temporaryFolder } from './support.mjs';

const SIZE = 8_000_000;
const CUT = 6_000_000;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7919) >> 5);
const NAME = 'model.safetensors';
const WEIGHTS = `owner/name/${NAME}`;
const READER = fileURLToPath(new URL('download-reader.mjs', import.meta.url));

async function setUp(t) {
  const hub = await startHub({ [WEIGHTS]: bytes });
  afterwards(t, () => hub.close());
  const folder = temporaryFolder(t);
  const options = { host: hub.url, cache: folder, retry: { attempts: 1, delay: 1 } };
  const source = (more = {}, environment = nodeHttp) => hubSource('owner/name', { ...options, ...more }, environment);
  return { hub, folder, options, source };
}

/** The files in the folder but what the hub has told. */
const kept = (folder) => readdirSync(folder).filter((name) => !name.endsWith('.note.json'));

/** Reads the weights to the end. */
async function load(source) {
  const file = await source.open(NAME);
  try {
    assert.ok((await collect(file.read(0, SIZE))).equals(bytes), 'the bytes that were served');
    await file.finish?.();
  } finally {
    await file.close();
  }
}

const starts = (hub) => hub.requests.filter(({ host }) => host === 'cdn').map(({ range }) => Number(/\d+/.exec(range)?.[0]));

/** Has a process of its own read the file: { code, bytes } of it, or what it rejects with. */
function inProcess(options, { until = Infinity } = {}) {
  const child = spawn(process.execPath, [READER, JSON.stringify({ options, until })], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const reached = new Promise((resolve) => {
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('reached')) resolve();
    });
  });
  const ended = new Promise((resolve) =>
    child.on('close', () => resolve(text.startsWith('{') || text.includes('\n{') ? JSON.parse(text.split('\n').at(-2)) : null)),
  );
  return { child, reached, ended };
}

test('cut at 6 of 8 MB, a download goes on in the next call', async (t) => {
  const { hub, folder, source } = await setUp(t);
  hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
  await rejects(load(source()), 'network', /broke off after 6000000 bytes/);
  hub.fail(WEIGHTS);
  hub.requests.length = 0;
  await load(source());
  assert.deepEqual(starts(hub), [CUT]);
  const [record] = await cache.list(folder);
  assert.deepEqual([record.bytes, record.sha256], [SIZE, hub.sha256(WEIGHTS)]);
  assert.equal(kept(folder).length, 2);
  await load(source({ offline: true }));
});

test('a process that was killed at 6 of 8 MB has left what another goes on with', async (t) => {
  const { hub, folder, options } = await setUp(t);
  hub.fail(WEIGHTS, { stall: CUT });
  const first = inProcess(options, { until: CUT });
  await first.reached;
  first.child.kill('SIGKILL');
  await first.ended;
  assert.ok(
    readdirSync(folder).some((name) => name.endsWith('.lock')),
    'its lock is still there',
  );
  hub.fail(WEIGHTS);
  hub.requests.length = 0;
  assert.deepEqual(await inProcess(options).ended, { bytes: SIZE });
  assert.deepEqual(starts(hub), [CUT]);
  assert.deepEqual((await cache.list(folder)).length, 1);
  assert.equal(kept(folder).length, 2);
});

test('two processes at once fetch the file once', async (t) => {
  const { hub, folder, options } = await setUp(t);
  hub.fail(WEIGHTS, { pause: 30 });
  const both = [inProcess(options), inProcess(options)];
  assert.deepEqual(await Promise.all(both.map(({ ended }) => ended)), [{ bytes: SIZE }, { bytes: SIZE }]);
  assert.deepEqual(starts(hub), [0]);
  assert.equal(kept(folder).length, 2);
});

test('a process that dies while another waits for it leaves the rest to that one', async (t) => {
  const { hub, options } = await setUp(t);
  hub.fail(WEIGHTS, { stall: CUT });
  const first = inProcess(options, { until: CUT });
  await first.reached;
  const second = inProcess(options);
  hub.fail(WEIGHTS);
  setTimeout(() => first.child.kill('SIGKILL'), 500);
  assert.deepEqual(await second.ended, { bytes: SIZE });
  assert.deepEqual(starts(hub), [0, CUT]);
});

test('a newer version on the server is fetched from its start', async (t) => {
  const { hub, folder } = await setUp(t);
  const source = () => urlSource(new URL(`${hub.cdn}/${WEIGHTS}`), { cache: folder, retry: { attempts: 0 } }, nodeHttp);
  hub.replace(WEIGHTS, Buffer.alloc(SIZE, 7));
  hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
  const file = await source().open(NAME);
  await rejects(collect(file.read(0, SIZE)), 'network');
  await file.close();
  hub.replace(WEIGHTS, bytes);
  hub.fail(WEIGHTS);
  hub.requests.length = 0;
  await load(source());
  assert.deepEqual(starts(hub), [CUT], 'its answer was the whole of the other version, since the request had named the first');
});

test('without a validator nothing is gone on with', async (t) => {
  const { hub, folder } = await setUp(t);
  const source = () => urlSource(new URL(`${hub.cdn}/${WEIGHTS}`), { cache: folder, retry: { attempts: 0 } }, nodeHttp);
  hub.fail(WEIGHTS, { noValidators: true, cuts: [CUT] });
  await rejects(load(source()), 'network');
  hub.requests.length = 0;
  await load(source());
  assert.deepEqual(starts(hub), [CUT, 0]);
});

test('a server that knows no ranges sends all of it, and what is there is skipped', async (t) => {
  const { hub, source } = await setUp(t);
  hub.fail(WEIGHTS, { noRanges: true, cuts: Array(99).fill(CUT) });
  await rejects(load(source()), 'network');
  hub.requests.length = 0;
  hub.fail(WEIGHTS, { noRanges: true });
  await load(source());
  assert.equal(starts(hub).length, 1);
});

test('bytes that were spoilt on the disk are found, and the next load begins anew', async (t) => {
  const { hub, folder, source } = await setUp(t);
  hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
  await rejects(load(source()), 'network');
  const [part] = readdirSync(folder).filter((name) => name.endsWith('.part'));
  const spoilt = readFileSync(join(folder, part));
  spoilt[3_000_000] ^= 1;
  writeFileSync(join(folder, part), spoilt);
  hub.fail(WEIGHTS);
  const file = await source().open(NAME);
  await rejects(collect(file.read(0, SIZE)), 'corrupt');
  await file.close();
  assert.deepEqual(kept(folder), []);
  await load(source());
});

test('what is left is read in any order, and belongs to its source', async (t) => {
  const { hub, folder, source } = await setUp(t);
  hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
  await rejects(load(source()), 'network');
  hub.fail(WEIGHTS);
  hub.requests.length = 0;
  const file = await source().open(NAME);
  for (const offset of [7_999_000, 10, 5_000_000])
    assert.ok((await collect(file.read(offset, 1000))).equals(bytes.subarray(offset, offset + 1000)));
  await file.finish();
  await file.close();
  assert.deepEqual(starts(hub), [CUT]);
  hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
  await cache.clear(folder);
  await rejects(load(source()), 'network');
  assert.equal(kept(folder).length, 2);
  assert.equal(await cache.delete('owner/name', folder), 0);
  assert.deepEqual(readdirSync(folder), []);
});

test('who reads an older version has it to its end, though another is kept meanwhile', async (t) => {
  const { hub, folder, options } = await setUp(t);
  const source = (more) => urlSource(new URL(`${hub.cdn}/owner/name/`), { ...options, host: undefined, ...more }, nodeHttp);
  await load(source({}));
  const reader = await source({ revalidate: 'never' }).open(NAME);
  hub.replace(WEIGHTS, Buffer.alloc(5000, 7));
  const newer = await source({ revalidate: 'first' }).open(NAME);
  assert.equal((await collect(newer.read(0, 5000))).length, 5000);
  await newer.finish();
  await newer.close();
  assert.ok((await collect(reader.read(0, SIZE))).equals(bytes));
  await reader.close();
  assert.deepEqual([(await cache.list(folder))[0].bytes, kept(folder).length], [5000, 2]);
});

test('a writer is given to one at a time, and clear() leaves its work alone', async (t) => {
  const { folder } = await setUp(t);
  const store = openNodeCache(folder);
  const url = 'https://example.org/a';
  const record = { url, source: 's', file: 'a', bytes: 4_000_000, saved: '', etag: '"a"', lastModified: '', sha256: '' };
  const writer = await store.write(url);
  assert.equal(await store.write(url), null);
  assert.notEqual(await store.write('https://example.org/b').then((other) => other?.end(false) ?? 'given'), null);
  await writer.begin(record, false);
  await writer.write(bytes.subarray(0, 2_000_000));
  assert.equal(await store.progress(url), 2_000_000);
  await store.clear();
  await store.remove(url);
  await store.forget('s');
  await writer.write(bytes.subarray(2_000_000, 4_000_000));
  await writer.commit(record);
  const { open } = await store.find(url);
  const file = await open();
  assert.ok((await collect(file.read(0, 4_000_000))).equals(bytes.subarray(0, 4_000_000)));
  await file.close();
  await (await store.write(url)).end(false);
});

test('a lock is free when its owner has ended or is silent, and no owner gives back what another has taken', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'a.lock');
  const lock = FileLock.take(path);
  assert.equal(FileLock.take(path), null);
  assert.ok(isLocked(path));
  const owner = JSON.parse(readFileSync(path, 'utf8'));
  lock.release();
  assert.ok(!existsSync(path));

  const others = {
    ended: { ...owner, pid: 2 ** 22 + 1 },
    another: { ...owner, began: '1' },
    here: owner,
    elsewhere: { ...owner, host: 'x' },
  };
  for (const [kind, other] of Object.entries(others)) {
    if (kind === 'another' && owner.began === '') continue;
    writeFileSync(path, JSON.stringify(other));
    const free = kind === 'ended' || kind === 'another';
    assert.equal(isLocked(path), !free, kind);
    const long = new Date(Date.now() - 60_000);
    if (!free) utimesSync(path, long, long);
    const taken = FileLock.take(path);
    assert.ok(taken, kind);
    taken.release();
  }
  const first = FileLock.take(path);
  writeFileSync(path, JSON.stringify({ ...owner, token: 'of another' }));
  first.release();
  assert.ok(existsSync(path));
});

test('who has lost the lock in its sleep spoils nothing of who has it now', async (t) => {
  const folder = temporaryFolder(t);
  const url = 'https://example.org/a';
  const recordOf = (etag) => ({ url, source: 's', file: 'a', bytes: 4_000_000, saved: etag, etag, lastModified: '', sha256: '' });
  const asleep = await openNodeCache(folder).write(url);
  await asleep.begin(recordOf('"1"'), false);
  await asleep.write(new Uint8Array(2_000_000).fill(1));
  const lock = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.lock')),
  );
  const long = new Date(Date.now() - 60_000);
  utimesSync(lock, long, long);
  const other = await openNodeCache(folder).write(url);
  await other.begin(recordOf('"2"'), false);
  await other.write(new Uint8Array(3_000_000).fill(2));
  await asleep.write(new Uint8Array(1_000_000).fill(1)).catch(() => undefined);
  await rejects(asleep.commit(recordOf('"1"')), 'io', /another process has taken over/);
  await asleep.end(true);
  await other.write(new Uint8Array(1_000_000).fill(2));
  await other.commit(recordOf('"2"'));
  const { record, open } = await openNodeCache(folder).find(url);
  assert.equal(record.saved, '"2"');
  const file = await open();
  assert.ok((await collect(file.read(0, 4_000_000))).every((byte) => byte === 2));
  await file.close();
  await rejects(collect(file.read(0, 8)), 'io', /closed/);
});

test('a download that is given up is not taken for whole where no server has told its length', async (t) => {
  const { hub, folder } = await setUp(t);
  hub.fail(WEIGHTS, { noLength: true, noRanges: true, stall: CUT });
  const file = await urlSource(new URL(`${hub.cdn}/${WEIGHTS}`), { cache: folder, retry: { attempts: 0 } }, nodeHttp).open(NAME);
  const fetching = file.fetchAll().catch(() => undefined);
  await collect(file.read(0, 8)).catch(() => undefined);
  while (!hub.requests.some(({ open }) => open)) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await file.close();
  await fetching;
  assert.deepEqual(await cache.list(folder), []);
});

/** Has an earlier download leave so much. */
async function leave(folder, record, length) {
  const writer = await openNodeCache(folder).write(record.url);
  await writer.begin(record, false);
  await writer.write(bytes.subarray(0, length));
  await writer.end(true);
}

test('what was left is not read any more once it cannot be kept', async (t) => {
  const { hub, folder } = await setUp(t);
  const name = 'model.pth';
  hub.replace(`owner/name/${name}`, bytes);
  const url = `${hub.cdn}/owner/name/${name}`;
  const etag = hub.etag(`owner/name/${name}`);
  const record = { url, source: 's', file: name, bytes: SIZE, saved: new Date().toISOString(), etag, lastModified: '', sha256: '' };
  await leave(folder, record, 3_000_000);
  const store = openNodeCache(folder);
  const full = {
    find: (address) => store.find(address),
    readNote: async () => null,
    writeNote: async () => undefined,
    list: async () => [],
    write: async (address) => {
      const writer = await store.write(address);
      writer.write = async () => {
        throw new BeitError('quota', 'No room.');
      };
      return writer;
    },
  };
  const warnings = [];
  const source = urlSource(new URL(url), { retry: { attempts: 0 } }, { ...nodeHttp, openCache: async () => full });
  const file = await source.open(name, null, { onWarning: ({ code }) => warnings.push(code) });
  await collect(file.read(0, 4_000_000));
  // Of another file, which may have the closed one's number.
  const others = Array.from({ length: 4 }, () => openSync(READER, 'r'));
  assert.ok((await collect(file.read(0, SIZE))).equals(bytes));
  for (const other of others) closeSync(other);
  await file.close();
  assert.deepEqual(warnings, ['quota']);
});

test('a download of which nothing but the end is missing is verified, also where the server does not tell the length', async (t) => {
  const folder = temporaryFolder(t);
  const revision = 'fedcba9876543210fedcba9876543210fedcba98';
  const { base } = await serve(t, (_request, response) => response.writeHead(416).end());
  const host = new URL(base).origin;
  const url = `${host}/owner/name/resolve/${revision}/${NAME}`;
  const facts = { source: 'owner/name', file: NAME, saved: new Date().toISOString(), etag: '"a"', lastModified: '' };
  const source = () => hubSource('owner/name', { host, revision, cache: folder, retry: { attempts: 0 } }, nodeHttp);
  for (const known of [SIZE, -1]) {
    await leave(folder, { url, bytes: known, ...facts, sha256: '00'.repeat(32) }, SIZE);
    await rejects(load(source()), 'corrupt');
    await leave(folder, { url, bytes: known, ...facts, sha256: createHash('sha256').update(bytes).digest('hex') }, SIZE);
    await load(source());
    assert.equal((await cache.list(folder)).length, 1);
    await load(source());
    await cache.clear(folder);
  }
});

test('a thread that was ended leaves its download to the next', async (t) => {
  const { hub, folder, options, source } = await setUp(t);
  hub.fail(WEIGHTS, { stall: CUT });
  const worker = new Worker(READER, { argv: [JSON.stringify({ options, until: CUT })], stdout: true });
  await new Promise((resolve) => worker.stdout.on('data', (data) => String(data).includes('reached') && resolve()));
  await worker.terminate();
  // As if it had been silent for long.
  const long = new Date(Date.now() - 60_000);
  for (const name of readdirSync(folder)) if (name.endsWith('.lock')) utimesSync(join(folder, name), long, long);
  hub.fail(WEIGHTS);
  hub.requests.length = 0;
  await load(source());
  assert.deepEqual(starts(hub), [CUT]);
});
