// What the command line downloads: from where, with which token, and where it is kept.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { cacheFolder, hubCacheFolder, optionsOf } from '../../dist/cli/downloads.js';
import { barText, ProgressBar } from '../../dist/cli/progress-bar.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, beitIn, temporaryFolder } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

const COMMIT = 'fedcba9876543210fedcba9876543210fedcba98';
const checkpoint = files();
const INFO = ['info', '--json', '--build', 'simd'];

async function setUp(t) {
  const hub = await startHub(
    Object.fromEntries(Object.entries(checkpoint).map(([name, bytes]) => [`owner/name/${name}`, Buffer.from(bytes)])),
  );
  afterwards(t, () => hub.close());
  const folder = temporaryFolder(t);
  return { hub, cache: join(folder, 'kept'), home: join(folder, 'home'), variables: { HF_ENDPOINT: hub.url } };
}

/** Keeps files as the hub's own tools do. */
function keepSnapshot(home, names, absent = []) {
  const repository = join(home, 'hub', 'models--owner--name');
  for (const [kind, list] of [
    ['snapshots', names],
    ['.no_exist', absent],
  ]) {
    mkdirSync(join(repository, kind, COMMIT), { recursive: true });
    for (const name of list) writeFileSync(join(repository, kind, COMMIT, name), kind === 'snapshots' ? checkpoint[name] : '');
  }
  mkdirSync(join(repository, 'refs'));
  writeFileSync(join(repository, 'refs', 'main'), COMMIT);
}

test('the hub and the token are those of the environment, and downloads are kept in a folder that is told once', async (t) => {
  const { hub, cache, variables } = await setUp(t);
  const all = { ...variables, HF_TOKEN: 'hf_test\n', BEIT_CACHE: cache };
  const first = await beitIn(all, ...INFO, 'owner/name');
  assert.equal(first.status, 0, first.stderr);
  assert.equal(JSON.parse(first.stdout).config.hiddenSize, 4);
  assert.match(
    first.stderr,
    /^beit: Downloads are kept in .*kept .*BEIT_CACHE=FOLDER.*\n$/,
    'one line, and no bar where there is no terminal',
  );
  for (const { host, headers } of hub.requests) assert.equal(headers.authorization, host === 'hub' ? 'Bearer hf_test' : undefined);
  const classified = await beitIn(all, 'convert', `${hub.url}/owner/name/blob/main/model.safetensors`, join(cache, 'out.safetensors'));
  assert.deepEqual([classified.status, classified.stderr], [0, '']);
  await hub.close();
  const offline = await beitIn({ ...all, HF_HUB_OFFLINE: '1' }, ...INFO, 'owner/name');
  assert.deepEqual([offline.status, offline.stderr, offline.stdout], [0, '', first.stdout]);
});

test('with an empty BEIT_CACHE nothing is kept', async (t) => {
  const { hub, variables } = await setUp(t);
  for (const requests of [4, 8]) {
    const { status, stderr } = await beitIn(variables, ...INFO, 'owner/name');
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(hub.requests.length, requests, 'the list, config.json, and the weights over a redirect');
  }
});

test("what the hub's own tools have kept is read from there, the rest of the same commit", async (t) => {
  const { hub, home, variables } = await setUp(t);
  keepSnapshot(home, ['config.json']);
  const partly = await beitIn({ ...variables, HF_HOME: home }, ...INFO, 'owner/name');
  assert.deepEqual([partly.status, partly.stderr], [0, '']);
  assert.deepEqual(
    hub.requests.map(({ path }) => path),
    [`/api/models/owner/name/revision/${COMMIT}`, `/owner/name/resolve/${COMMIT}/model.safetensors`, '/owner/name/model.safetensors'],
  );
  writeFileSync(join(home, 'hub/models--owner--name/snapshots', COMMIT, 'model.safetensors'), checkpoint['model.safetensors']);
  hub.requests.length = 0;
  for (const source of ['owner/name', `${hub.url}/owner/name`, `${hub.url}/owner/name/resolve/${COMMIT}/model.safetensors`]) {
    const whole = await beitIn({ ...variables, HF_HUB_CACHE: join(home, 'hub') }, ...INFO, source);
    assert.deepEqual([whole.status, whole.stderr, whole.stdout], [0, '', partly.stdout]);
  }
  assert.deepEqual(hub.requests, []);
});

test("a file that the hub's own tools found absent, and weights of another name, are asked for nowhere", async (t) => {
  const { hub, home, variables } = await setUp(t);
  keepSnapshot(home, [], ['config.json']);
  writeFileSync(join(home, 'hub/models--owner--name/snapshots', COMMIT, 'pytorch_model.bin'), checkpoint['model.safetensors']);
  const { status, stderr } = await beitIn({ ...variables, HF_HOME: home }, ...INFO, '--class', 'BeitForImageClassification', 'owner/name');
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(hub.requests, []);
});

test('a refused optional file is told on stderr, once', async (t) => {
  const { hub, variables } = await setUp(t);
  hub.fail('owner/name/config.json', { statuses: [403] });
  const { status, stderr } = await beitIn(variables, ...INFO, '--class', 'BeitForImageClassification', 'owner/name');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^beit: warning: .*config\.json: the server refuses access \(status 403\)[^\n]*\n$/);
});

test('what the environment says', () => {
  assert.deepEqual(optionsOf({ BEIT_CACHE: '' }), { cache: false, offline: false, revalidate: 'first' });
  assert.deepEqual(optionsOf({ BEIT_CACHE: 'x', HF_TOKEN: ' t ', HF_ENDPOINT: 'https://h', HF_HUB_OFFLINE: 'ON' }), {
    cache: 'x',
    token: 't',
    host: 'https://h',
    offline: true,
    revalidate: 'first',
  });
  assert.equal(cacheFolder({ XDG_CACHE_HOME: 'c' }), join('c', 'beit-wasm'));
  assert.equal(cacheFolder({}, 'linux'), join(homedir(), '.cache', 'beit-wasm'));
  assert.equal(cacheFolder({ LOCALAPPDATA: 'l' }, 'win32'), join('l', 'beit-wasm'));
  assert.equal(hubCacheFolder({}), join(homedir(), '.cache', 'huggingface', 'hub'));
  assert.equal(hubCacheFolder({ XDG_CACHE_HOME: 'c' }), join('c', 'huggingface', 'hub'));
  assert.equal(hubCacheFolder({ HF_HOME: 'h', XDG_CACHE_HOME: 'c' }), join('h', 'hub'));
  assert.ok(!existsSync('/nowhere'));
});

test('a bar on a terminal, after a moment, cleared at the end', () => {
  let time = 0;
  const written = [];
  const bar = new ProgressBar({ isTTY: true, columns: 60, write: (text) => written.push(text) }, () => time);
  const at = (milliseconds, loaded, phase = 'weights') => {
    time = milliseconds;
    bar.show({ phase, file: 'model.safetensors', loaded, total: 200_000_000, tensors: 1 });
  };
  at(0, 0);
  at(399, 1e6);
  assert.deepEqual(written, []);
  at(400, 50_000_000);
  at(499, 60_000_000);
  at(500, 100_000_000);
  assert.equal(written.length, 2);
  assert.match(written[1], /^\r\x1b\[K\[#{12}-{12}\] {2}50 % {2}100\.0 of 200\.0 MB {2}mod/);
  assert.ok(written[1].length <= 59 + 4, 'never a second line');
  at(501, 0, 'ready');
  assert.equal(written.at(-1), '\r\x1b[K');
  assert.equal(barText({ phase: 'index', file: '', loaded: 0, total: 0, tensors: 0 }), 'index');
  const pipe = new ProgressBar({ write: () => assert.fail('no terminal') }, () => (time += 1000));
  for (let i = 0; i < 3; ++i) pipe.show({ phase: 'weights', file: 'f', loaded: i, total: 9, tensors: 1 });
  pipe.clear();
});
