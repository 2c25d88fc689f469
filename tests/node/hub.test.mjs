// What a hub's API tells in one request, and what follows: commits, absent files, sums, models that are not for everybody.
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitModel, cache, configure, inspect } from '../../dist/node.js';
import { nodeHttp } from '../../dist/platform/http-node.js';
import { readListing } from '../../dist/sources/http/hub.js';
import { hubSource, PLAIN_HTTP, urlSource } from '../../dist/sources/http/source.js';
import { readOptionalText, readText } from '../../dist/sources/text.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, collect, rejects, temporaryFolder } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

const NAME = 'model.safetensors';
const WEIGHTS = `owner/name/${NAME}`;
const CONFIG = 'owner/name/config.json';
const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >> 5);
const API = '/api/models/owner/name/revision/main';

async function setUp(t) {
  const hub = await startHub({
    [WEIGHTS]: bytes,
    [CONFIG]: Buffer.from('{"a": 1}'),
    'owner/name/sub/config.json': Buffer.from('{"s": 1}'),
  });
  afterwards(t, () => hub.close());
  const folder = temporaryFolder(t);
  const options = { host: hub.url, cache: folder, retry: { attempts: 0 } };
  const source = (more = {}, environment = nodeHttp) => hubSource('owner/name', { ...options, ...more }, environment);
  const paths = () => hub.requests.splice(0).map(({ host, path }) => (host === 'cdn' ? 'cdn' : path));
  return { hub, folder, options, source, paths };
}

/** As a load does: the config, the weights, and an optional file. */
async function load(source) {
  const config = await readText(source, 'config.json');
  const file = await source.open(NAME);
  const all = await collect(file.read(0, 4_000_000));
  await file.finish?.();
  await file.close();
  return { config, all, processor: await readOptionalText(source, 'preprocessor_config.json') };
}

// As https://huggingface.co/api/models/mcpotato/42-eicar-street/revision/8b3861f…?blobs=true answers, shortened.
const RECORDED = {
  _id: '621ffdc136468d709f17ddb4',
  author: 'mcpotato',
  createdAt: '2022-03-02T23:29:05.000Z',
  disabled: false,
  downloads: 0,
  gated: false,
  id: 'mcpotato/42-eicar-street',
  lastModified: '2022-11-30T19:54:16.000Z',
  modelId: 'mcpotato/42-eicar-street',
  private: false,
  sha: '8b3861f6931c4026b0cd22b38dbc09e7668983ac',
  siblings: [
    { blobId: '6d34772f5ca361021038b404fb913ec8dc0b1a5a', rfilename: '.gitattributes', size: 1175 },
    {
      blobId: 'cd1c6d8bde5006076655711a49feae66f07d707e',
      lfs: { pointerSize: 127, sha256: 'f9343d7d7ec5c3d8bcced056c438fc9f1d3819e9ca3d42418a40857050e10e20', size: 22 },
      rfilename: 'pytorch_model.bin',
      size: 22,
    },
  ],
  spaces: [],
  tags: ['pytorch', 'region:us'],
};

test('an answer of the real hub, and what is none', () => {
  const { commit, files: listed } = readListing(JSON.stringify(RECORDED));
  assert.equal(commit, RECORDED.sha);
  assert.deepEqual(
    [...listed],
    [
      ['.gitattributes', { size: 1175, sha256: '', blob: '6d34772f5ca361021038b404fb913ec8dc0b1a5a' }],
      ['pytorch_model.bin', { size: 22, sha256: 'f9343d7d7ec5c3d8bcced056c438fc9f1d3819e9ca3d42418a40857050e10e20', blob: '' }],
    ],
  );
  for (const text of ['', '<html>', 'null', '[]', '{}', '{"error":"Invalid username or password."}'].concat(
    JSON.stringify({ ...RECORDED, sha: 'main' }),
    JSON.stringify({ ...RECORDED, siblings: undefined }),
  ))
    assert.equal(readListing(text), null, text);
  const odd = readListing(
    JSON.stringify({ ...RECORDED, siblings: [null, 5, {}, { rfilename: 'a', size: -0.5, lfs: { sha256: '*'.repeat(64) } }] }),
  );
  assert.deepEqual([...odd.files], [['a', { size: -1, sha256: '', blob: '' }]]);
});

test('one request tells a load all: no absent file is asked for, and every file is of one commit', async (t) => {
  const { hub, source, paths } = await setUp(t);
  const commit = hub.commit();
  const at = `/owner/name/resolve/${commit}`;
  for (const environment of [nodeHttp, { ...nodeHttp, seesRedirects: false }]) {
    const { config, all, processor } = await load(source({ cache: false }, environment));
    assert.deepEqual([config, all.equals(bytes), processor], ['{"a": 1}', true, null]);
    assert.deepEqual(paths(), [API, `${at}/config.json`, `${at}/${NAME}`, 'cdn']);
  }
  const moving = source({ cache: false });
  await readText(moving, 'config.json');
  hub.replace(WEIGHTS, Buffer.alloc(5000, 7));
  assert.ok((await load(moving)).all.equals(bytes));
  assert.equal((await load(source({ cache: false }))).all.length, 5000);
  hub.fail(WEIGHTS, { flip: 77 });
  await rejects(load(source({ cache: false }, PLAIN_HTTP)), 'corrupt');
});

test('the next load needs no answer, and what the hub has by then is for the one after it', async (t) => {
  const { hub, folder, source, paths } = await setUp(t);
  await load(source());
  paths();
  const second = source();
  await load(second);
  await second.checked();
  assert.deepEqual(paths(), [API]);
  const [first] = (await cache.list(folder)).filter(({ file }) => file === NAME);
  assert.ok(first.url.includes(`/resolve/${hub.commit()}/`));

  hub.replace(CONFIG, Buffer.from('{"a": 2}'));
  const third = source();
  assert.equal((await load(third)).config, '{"a": 1}');
  await third.checked();
  paths();
  const commit = hub.commit();
  assert.equal((await load(source())).config, '{"a": 2}');
  assert.deepEqual(paths(), [API, `/owner/name/resolve/${commit}/config.json`], 'the weights are the same in this commit');
  assert.equal((await cache.list(folder)).length, 3, 'the older commit is there whole until the newer is');
  const tidying = source();
  await load(tidying);
  await tidying.checked();
  assert.equal((await cache.list(folder)).length, 2, 'the older config is gone');
  paths();
  assert.equal((await load(source({ offline: true }))).config, '{"a": 2}');
  assert.equal((await load(source({ revalidate: 'never' }))).config, '{"a": 2}');
  assert.deepEqual(paths(), []);
  hub.replace(CONFIG, Buffer.from('{"a": 3}'));
  const pinned = source({ revision: commit });
  assert.equal((await load(pinned)).config, '{"a": 2}');
  assert.equal((await load(source({ revalidate: 'first' }))).config, '{"a": 3}');
  const last = source();
  await load(last);
  await last.checked();
  assert.equal((await load(source({ revision: commit, offline: true }))).config, '{"a": 2}', 'another load is of that commit');
  assert.equal(await cache.delete('owner/name', folder), 3);
  assert.deepEqual(readdirSync(folder), []);
});

test('without a network a load is of the last commit that is there whole', async (t) => {
  const { hub, source } = await setUp(t);
  await load(source());
  hub.replace(CONFIG, Buffer.from('{"a": 2}'));
  hub.replace(WEIGHTS, Buffer.alloc(4_000_000, 7));
  hub.fail(WEIGHTS, { cuts: Array(99).fill(2_000_000) });
  await rejects(load(source({ revalidate: 'first' })), 'network', /broke off/);
  for (const network of ['silent', 'portal', 'refusing']) {
    hub.network(network);
    for (const more of [{}, { revalidate: 'first' }, { offline: true }]) {
      const { config, all } = await load(source(more));
      assert.deepEqual([config, all.equals(bytes)], ['{"a": 1}', true], `${network} ${JSON.stringify(more)}`);
    }
  }
  hub.network('good');
  hub.fail(WEIGHTS);
  const whole = await load(source());
  assert.deepEqual([whole.config, whole.all.length], ['{"a": 2}', 4_000_000]);
});

test('a commit is asked for once', async (t) => {
  const { hub, source, paths } = await setUp(t);
  const revision = hub.commit();
  await load(source({ revision }));
  paths();
  await load(source({ revision }));
  assert.deepEqual(paths(), []);
});

test('a folder of a repository has its own files, those that the list has', async (t) => {
  const { hub, options, paths } = await setUp(t);
  const source = urlSource(new URL(`${hub.url}/owner/name/tree/main/sub`), options, nodeHttp);
  assert.equal(await readText(source, 'config.json'), '{"s": 1}');
  await rejects(source.open(NAME), 'not-found', /owner\/name\/sub\/model\.safetensors/);
  assert.deepEqual(paths(), [API, `/owner/name/resolve/${hub.commit()}/sub/config.json`]);
});

test('models that are private, gated or not there', async (t) => {
  const { hub, source } = await setUp(t);
  for (const [how, without, within] of [
    ['private', /there is no such public model, and a private one needs a token/, /private one needs another token/],
    ['gated', /this model is gated: it needs a token/, /this model is gated: the token given has no access/],
  ]) {
    hub.protect(how, 'hf_good');
    for (const environment of [nodeHttp, PLAIN_HTTP]) {
      const open = (token) => load(source({ token, cache: false }, environment));
      assert.equal((await rejects(open(), 'unauthorized', without)).status, 401);
      await rejects(open('hf_other'), 'unauthorized', within);
      assert.ok((await open('hf_good')).all.equals(bytes));
    }
    await rejects(inspect('owner/name', { host: hub.url, cache: false }), 'unauthorized', without);
  }
  hub.protect('public');
  await rejects(
    source({ revision: 'absent' }).open('config.json'),
    'invalid-argument',
    /revision: got absent, expected a branch, a tag or a commit that owner\/name has/,
  );
});

test('an API that cannot be reached, as by a page of another origin, keeps nobody from newer files', async (t) => {
  const { hub, source } = await setUp(t);
  const blocked = async (url, init) => {
    if (String(url).includes('/api/')) throw new TypeError('Failed to fetch');
    return fetch(url, init);
  };
  const read = async (revalidate) => {
    const from = source({ fetch: blocked, revalidate });
    const text = await readText(from, 'config.json');
    await from.checked();
    return text;
  };
  assert.equal(await read('background'), '{"a": 1}');
  hub.replace(CONFIG, Buffer.from('{"a": 2}'));
  assert.equal(await read('background'), '{"a": 1}');
  assert.equal(await read('background'), '{"a": 2}');
  hub.replace(CONFIG, Buffer.from('{"a": 3}'));
  assert.equal(await read('first'), '{"a": 3}');
});

test('a kept file that was spoilt on its disk is found where it makes no sense, and fetched again', async (t) => {
  const hub = await startHub(
    Object.fromEntries(Object.entries(files()).map(([name, content]) => [`owner/name/${name}`, Buffer.from(content)])),
  );
  afterwards(t, () => hub.close());
  const folder = temporaryFolder(t);
  for (const worker of [false, true]) {
    const load = () => BeitModel.fromPretrained('owner/name', { host: hub.url, cache: folder, worker }).then((model) => model.dispose());
    await load();
    const { bytes: size } = (await cache.list(folder)).find(({ file }) => file === NAME);
    const [data] = readdirSync(folder).filter((name) => name.endsWith('.data') && statSync(join(folder, name)).size === size);
    writeFileSync(join(folder, data), Buffer.alloc(size));
    await rejects(load(), 'corrupt', /owner\/name\/model\.safetensors: what was kept of it has been spoilt since, and is taken away/);
    await load();
  }
});

test('a token or header that cannot be sent is refused at once, and not told', async (t) => {
  const { hub, source } = await setUp(t);
  for (const more of [{ token: 'secret\n1' }, { token: 'secret€' }, { headers: { 'a b': 'secret' } }]) {
    assert.throws(
      () => source(more),
      ({ code, message }) =>
        code === 'invalid-argument' && message.startsWith('headers: got one that cannot be sent') && !message.includes('secret'),
    );
  }
  assert.deepEqual(hub.requests, []);
});

test('a mirror is asked for everything, by an option or configure(), and may have no API', async (t) => {
  const checkpoint = Object.entries(files()).map(([name, content]) => [`owner/name/${name}`, Buffer.from(content)]);
  const hub = await startHub(Object.fromEntries(checkpoint));
  afterwards(t, () => hub.close());
  for (const tells of ['sums', 'nothing', 'pointers']) {
    hub.tell(tells);
    hub.requests.length = 0;
    assert.equal((await inspect('owner/name', { host: `${hub.url}/` })).config.hiddenSize, 4);
    assert.equal(hub.requests[0].path, API);
    assert.ok(hub.requests.some(({ path }) => path.startsWith(tells === 'sums' ? '/owner/name/resolve/' : '/owner/name/resolve/main/')));
  }
  configure({ host: hub.url });
  afterwards(t, () => configure({ host: undefined }));
  hub.requests.length = 0;
  assert.equal((await inspect('owner/name')).config.hiddenSize, 4);
  assert.equal(hub.requests[0].path, API);
});
