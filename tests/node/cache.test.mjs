// What is kept of downloads: whole and verified files only, found again by their version.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { cache, configure } from '../../dist/node.js';
import { openNodeCache } from '../../dist/sources/cache/node.js';
import { BeitError } from '../../dist/base/errors.js';
import { nodeHttp } from '../../dist/platform/http-node.js';
import { hubSource, urlSource } from '../../dist/sources/http/source.js';
import { readOptionalText, readText } from '../../dist/sources/text.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, collect, rejects, temporaryFolder } from './support.mjs';

const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >> 5);
const COMMIT = 'fedcba9876543210fedcba9876543210fedcba98';
const WEIGHTS = 'owner/name/model.safetensors';

async function setUp(t) {
  const hub = await startHub({ [WEIGHTS]: bytes, 'owner/name/config.json': Buffer.from('{"a": 1}') });
  afterwards(t, () => hub.close());
  const folder = temporaryFolder(t);
  const source = (options = {}) => hubSource('owner/name', { host: hub.url, cache: folder, retry: { delay: 1 }, ...options }, nodeHttp);
  // The same files on a server that is no hub.
  const plain = (options = {}) =>
    urlSource(new URL(`${hub.url}/owner/name/resolve/main/`), { cache: folder, ...QUICK, ...options }, nodeHttp);
  return { hub, folder, source, plain };
}

const QUICK = { retry: { delay: 1 } };

/** The ranges in which the weights were asked for. */
const ranges = (hub) => hub.requests.filter(({ path }) => path.endsWith('model.safetensors')).map(({ range }) => range);

const endings = (folder) =>
  readdirSync(folder)
    .map((name) => name.slice(name.indexOf('.')))
    .sort();

/** Reads some of the weights as a load does. Returns the bytes of the first and the last read. */
async function load(
  source,
  reads = [
    [0, 8],
    [8, 500_000],
    [2_000_000, 500_000],
  ],
  watch = {},
) {
  const file = await source.open('model.safetensors', null, watch);
  try {
    for (const [offset, length] of reads) {
      assert.ok((await collect(file.read(offset, length))).equals(bytes.subarray(offset, offset + length)), `${offset}+${length}`);
    }
    await file.finish?.();
  } finally {
    await file.close();
  }
}

test('a file is fetched once, and then used as it is kept', async (t) => {
  const { hub, folder, source } = await setUp(t);
  await load(source());
  assert.deepEqual(ranges(hub), ['bytes=0-', 'bytes=0-'], 'read to its end in one go, though a load wants less');
  const [kept, ...others] = await cache.list(folder);
  assert.deepEqual(others, []);
  const { saved, ...facts } = kept;
  assert.ok(Math.abs(Date.parse(saved) - Date.now()) < 60_000);
  assert.deepEqual(facts, {
    url: `${hub.url}/owner/name/resolve/${hub.commit()}/model.safetensors`,
    source: 'owner/name',
    file: 'model.safetensors',
    bytes: bytes.length,
    etag: hub.etag(WEIGHTS),
    lastModified: 'Mon, 01 Jan 2024 12:00:00 GMT',
    sha256: hub.sha256(WEIGHTS),
  });
  hub.fail(WEIGHTS, { stall: 100 });
  await load(source());
  assert.equal((await cache.list(folder))[0].saved, saved);
});

test('a commit needs no question', async (t) => {
  const { hub, source } = await setUp(t);
  await load(source({ revision: COMMIT }));
  hub.requests.length = 0;
  await load(source({ revision: COMMIT }));
  assert.deepEqual(hub.requests, []);
});

test('another version replaces the old one', async (t) => {
  const { hub, folder, plain: source } = await setUp(t);
  assert.equal(await readText(source(), 'config.json'), '{"a": 1}');
  hub.replace('owner/name/config.json', Buffer.from('{"a": 2}'));
  const before = source();
  assert.equal(await readText(before, 'config.json'), '{"a": 1}', 'nobody waits for the server');
  await before.checked();
  assert.equal((await cache.list(folder))[0].stale, true);
  assert.equal(await readText(source({ offline: true }), 'config.json'), '{"a": 1}');
  assert.equal(await readText(source(), 'config.json'), '{"a": 2}');
  const [kept, ...others] = await cache.list(folder);
  assert.deepEqual([kept.stale, others], [undefined, []]);
  assert.equal(await readText(source({ offline: true }), 'config.json'), '{"a": 2}');
  hub.replace('owner/name/config.json', Buffer.from('{"a": 3}'));
  hub.requests.length = 0;
  const never = source({ revalidate: 'never' });
  assert.equal(await readText(never, 'config.json'), '{"a": 2}');
  await never.checked();
  assert.deepEqual(hub.requests, []);
  assert.equal(await readText(source({ revalidate: 'first' }), 'config.json'), '{"a": 3}');
  await rejects(
    (async () => source({ revalidate: 'always' }))(),
    'invalid-argument',
    /revalidate: got "always", expected background, first, never/,
  );
});

test('no network keeps a load from what is kept whole: neither silence, nor a login page, nor errors', async (t) => {
  const { hub, folder, source: ofHub, plain } = await setUp(t);
  const absent = 'preprocessor_config.json';
  for (const source of [ofHub, plain]) {
    await load(source());
    await readText(source(), 'config.json');
    hub.fail(`owner/name/${absent}`, { statuses: [403] });
    assert.equal(await readOptionalText(source(), absent), null);
    for (const network of ['silent', 'portal', 'refusing', 'good']) {
      hub.network(network);
      for (const revalidate of ['background', 'first', 'never']) {
        const from = source({ revalidate });
        await load(from);
        assert.equal(await readText(from, 'config.json'), '{"a": 1}', `${network}, ${revalidate}`);
        assert.equal(await readOptionalText(from, absent), null, `${network}, ${revalidate}`);
        await from.checked();
      }
    }
  }
  assert.ok((await cache.list(folder)).every(({ stale }) => !stale));
});

test('a server that is gone is done without, and so it is with offline', async (t) => {
  const { hub, source } = await setUp(t);
  await load(source());
  await readText(source(), 'config.json');
  hub.requests.length = 0;
  await load(source({ offline: true }));
  assert.equal(await readText(source({ offline: true }), 'config.json'), '{"a": 1}');
  await rejects(source({ offline: true }).open('preprocessor_config.json'), 'not-found', /there is no such file/);
  assert.deepEqual(hub.requests, []);
  hub.fail(WEIGHTS, { statuses: [503] });
  await load(source());
  await hub.close();
  await load(source());
  await rejects(source({ retry: { attempts: 0 } }).open('preprocessor_config.json'), 'not-found');
});

test('what breaks off, is wrong, or is stopped is never taken for whole', async (t) => {
  const { hub, folder, source } = await setUp(t);
  for (const cut of [1, 8, 999_999]) {
    hub.fail(WEIGHTS, { cuts: Array(99).fill(cut) });
    await rejects(load(source({ retry: { attempts: 1, delay: 1 } })), 'network');
    await rejects(source({ offline: true }).open('model.safetensors'), 'not-found');
    assert.deepEqual(endings(folder), ['.note.json'], 'so little is not gone on with');
  }
  hub.fail(WEIGHTS, { flip: 2_999_998 });
  await rejects(load(source()), 'corrupt');
  assert.deepEqual(endings(folder), ['.note.json'], 'nor what is wrong');
  hub.fail(WEIGHTS, { stall: 2_000_000 });
  const controller = new AbortController();
  const file = await source().open('model.safetensors', controller.signal);
  await collect(file.read(0, 1_500_000));
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await assert.rejects(collect(file.read(1_500_000, 1_500_000)), /enough/);
  await file.close();
  await rejects(source({ offline: true }).open('model.safetensors'), 'not-found');
  assert.deepEqual(await cache.list(folder), []);
  assert.deepEqual(endings(folder), ['.note.json', '.part', '.part.json']);
  await cache.clear(folder);
  assert.deepEqual(readdirSync(folder), []);
  hub.fail(WEIGHTS);
  await load(source());
});

test('a file is whole after cuts', async (t) => {
  const { hub, folder, source } = await setUp(t);
  hub.fail(WEIGHTS, { cuts: [1, 8, 9, 500_008, 1_999_999, 2_000_000, 2_999_999] });
  await load(source());
  assert.equal((await cache.list(folder))[0].sha256, hub.sha256(WEIGHTS));
  await load(source({ offline: true }), [[0, bytes.length]]);
});

test('a file that is not read in order is fetched first, and said so', async (t) => {
  const { hub, source } = await setUp(t);
  const seen = [];
  const watch = { onDownload: (name, loaded, total) => seen.push([name, loaded, total]) };
  await load(
    source(),
    [
      [2_999_000, 1000],
      [0, 8],
      [1_000_000, 1_500_000],
      [10, 20],
    ],
    watch,
  );
  assert.deepEqual(ranges(hub), ['bytes=0-', 'bytes=0-']);
  assert.deepEqual(seen.at(-1), ['model.safetensors', 2_999_000, bytes.length]);
  await load(source(), [
    [2_999_000, 1000],
    [0, 8],
  ]);
});

test('a given sum is asked of what is kept, too', async (t) => {
  const { hub, source } = await setUp(t);
  const sum = hub.sha256(WEIGHTS);
  await load(source());
  await load(source({ offline: true, sha256: { 'model.safetensors': sum } }));
  await rejects(source({ offline: true, sha256: { 'model.safetensors': '1'.repeat(64) } }).open('model.safetensors'), 'not-found');
});

test('files are listed, deleted by address or source, and cleared', async (t) => {
  const { hub, folder, source } = await setUp(t);
  await load(source());
  await readText(source(), 'config.json');
  hub.replace('owner/name/config.json', Buffer.from('{"a": 2}'));
  const revision = hub.commit();
  await readText(source({ revision }), 'config.json');
  const names = async () => (await cache.list(folder)).map(({ file }) => file).sort();
  assert.deepEqual(await names(), ['config.json', 'config.json', 'model.safetensors']);
  assert.equal(await cache.delete(`${hub.url}/owner/name/resolve/${revision}/config.json`, folder), 1);
  assert.deepEqual(await names(), ['config.json', 'model.safetensors']);
  assert.equal(await cache.delete('owner/name', folder), 2);
  assert.equal(await cache.delete('owner/name', folder), 0);
  assert.deepEqual(readdirSync(folder), []);
  await load(source());
  writeFileSync(join(folder, 'mine.txt'), "not the cache's");
  await cache.clear(folder);
  assert.deepEqual(readdirSync(folder), ['mine.txt']);
  assert.deepEqual(await cache.list(join(folder, 'absent')), []);
  await rejects(cache.list(), 'invalid-argument', /folder/);
  await load(source());
  configure({ cache: folder });
  afterwards(t, () => configure({ cache: undefined }));
  assert.equal((await cache.list()).length, 1);
  assert.equal(await cache.delete('owner/name'), 1);
});

test('a file that is not what its record says is fetched again', async (t) => {
  const { folder, source } = await setUp(t);
  await load(source());
  const [data] = readdirSync(folder).filter((name) => name.endsWith('.data'));
  writeFileSync(join(folder, data), bytes.subarray(0, 1000));
  await rejects(source({ offline: true }).open('model.safetensors'), 'not-found');
  await load(source());
  await load(source({ offline: true }), [[0, bytes.length]]);
});

test('files that others have in the folder stay, however they are named', async (t) => {
  const { folder, source } = await setUp(t);
  const digits = '0123456789abcdef0123456789abcdef';
  const mine = [
    ...['film.part', 'film.part.json', 'weights.data', 'yarn.lock', 'a.note.json', 'a.record.json', 'a.text.tmp'],
    ...[`${digits}.data.gz`, `${digits}0.part`, `${digits}.copy.data`],
  ].sort();
  const long = new Date(Date.now() - 30 * 86_400_000);
  for (const name of mine) {
    writeFileSync(join(folder, name), '{}');
    utimesSync(join(folder, name), long, long);
  }
  await load(source());
  assert.equal((await cache.list(folder)).length, 1);
  await cache.delete('owner/name', folder);
  await load(source());
  await cache.clear(folder);
  assert.deepEqual(readdirSync(folder).sort(), mine);
});

test('a file whose record cannot be written leaves nothing', async (t) => {
  const { folder } = await setUp(t);
  const url = 'https://example.org/a';
  const record = { url, source: 's', file: 'a', bytes: 2_000_000, saved: '', etag: '"a"', lastModified: '', sha256: '' };
  const writer = await openNodeCache(folder).write(url);
  await writer.begin(record, false);
  await writer.write(bytes.subarray(0, record.bytes));
  const [part] = readdirSync(folder).filter((name) => name.endsWith('.part'));
  const inTheWay = part.replace(/part$/, 'record.json');
  mkdirSync(join(folder, inTheWay));
  await rejects(writer.commit(record), 'io');
  await writer.end(false);
  assert.deepEqual(readdirSync(folder), [inTheWay]);
});

test('what cannot be kept is told, and the load goes on', async (t) => {
  const { folder, source } = await setUp(t);
  const bare = { find: async () => null, list: async () => [], readNote: async () => null, writeNote: async () => {} };
  const full = {
    ...bare,
    write: async () => {
      throw new BeitError('quota', 'No room.');
    },
  };
  let ends = 0;
  const writer = (least) => {
    let written = 0;
    return {
      left: null,
      begin: async () => {
        if (least < 0) throw new BeitError('quota', 'No room.');
      },
      write: async (part) => {
        written += part.length;
        if (written > least) throw new BeitError('quota', 'No room any more.');
      },
      commit: async () => assert.fail('kept in part'),
      end: async (keep) => {
        assert.equal(keep, false);
        ++ends;
      },
    };
  };
  const atOnce = { ...bare, write: async () => writer(-1) };
  const halfway = { ...bare, write: async () => writer(1_000_000) };
  for (const store of [full, atOnce, halfway]) {
    const { hub } = await setUp(t);
    const warnings = [];
    const into = hubSource('owner/name', { host: hub.url }, { ...nodeHttp, openCache: async () => store });
    await load(into, undefined, { onWarning: ({ code }) => warnings.push(code) });
    assert.deepEqual(warnings, ['quota']);
  }
  assert.equal(ends, 2);
  const warnings = [];
  writeFileSync(join(folder, 'file'), '');
  await load(source({ cache: join(folder, 'file') }), undefined, {
    onWarning: ({ code, message }) => warnings.push([code, /\.$/.test(message)]),
  });
  assert.deepEqual(warnings, [['io', true]]);
});

test('two loads at once fetch and keep one file', async (t) => {
  const { hub, folder, source } = await setUp(t);
  hub.fail(WEIGHTS, { pause: 20 });
  await Promise.all([load(source()), load(source()), load(source())]);
  assert.deepEqual(ranges(hub), ['bytes=0-', 'bytes=0-']);
  assert.equal((await cache.list(folder)).length, 1);
  assert.equal(readdirSync(folder).length, 3);
  assert.ok(await openNodeCache(folder).find((await cache.list(folder))[0].url));
});
