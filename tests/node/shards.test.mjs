// Weights in several files, which come at once where they are kept.
import assert from 'node:assert/strict';
import test from 'node:test';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { BeitForImageClassification, createEngine } from '../../dist/node.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, rejects, temporaryFolder } from './support.mjs';
import { files, pixelValues, tensors } from './tiny-checkpoint.mjs';

const SHARDS = 5;
const CUT = 1_500_000;
const nameOf = (i) => `model-0000${i + 1}-of-0000${SHARDS}.safetensors`;
const NAMES = Array.from({ length: SHARDS }, (_, i) => nameOf(i));

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

/** The tiny checkpoint in shards of 2 MB and one of 1, of which most is a tensor that no model has. */
function sharded() {
  const { 'config.json': config } = files();
  const all = Object.entries(tensors());
  const weight_map = Object.fromEntries(all.map(([name], i) => [name, nameOf(i % SHARDS)]));
  const shards = NAMES.map((shard, i) => {
    const own = Object.fromEntries(all.filter(([name]) => weight_map[name] === shard));
    const count = i === 3 ? 250_000 : 500_000;
    return writeSafetensors({ ...own, [`padding.${i}`]: { dims: [count], data: new Float32Array(count).fill(i) } });
  });
  return {
    'owner/name/config.json': config,
    'owner/name/model.safetensors.index.json': new TextEncoder().encode(JSON.stringify({ metadata: {}, weight_map })),
    ...Object.fromEntries(shards.map((bytes, i) => [`owner/name/${NAMES[i]}`, bytes])),
  };
}

async function setUp(t) {
  const hub = await startHub(sharded());
  afterwards(t, () => hub.close());
  const options = { host: hub.url, cache: temporaryFolder(t), retry: { attempts: 0 }, engine };
  const bodies = () => hub.requests.filter(({ host }) => host === 'cdn');
  return { hub, options, bodies };
}

async function logitsOf(source, options) {
  const model = await BeitForImageClassification.fromPretrained(source, options);
  const { logits } = await model.forward({ pixelValues });
  await model.dispose();
  return logits.data;
}

const whole = await logitsOf(files(), { engine });

test('three come at a time, each once, and the share of the load never falls', async (t) => {
  const { hub, options, bodies } = await setUp(t);
  for (const name of NAMES) hub.fail(`owner/name/${name}`, { pause: 20 });
  // Of a connection that is given up the server hears a little later.
  let before = [];
  let most = 0;
  const timer = setInterval(() => {
    const open = bodies().filter((request) => request.open && request.path.endsWith('.safetensors'));
    most = Math.max(most, open.filter((request) => before.includes(request)).length);
    before = open;
  }, 20);
  afterwards(t, () => clearInterval(timer));
  const told = [];
  const onProgress = (progress) => told.push(progress);
  assert.deepEqual(await logitsOf('owner/name', { ...options, onProgress }), whole);
  assert.equal(most, 3);
  for (let i = 1; i < told.length; ++i) assert.ok(told[i].share >= told[i - 1].share, `${told[i].share} after ${told[i - 1].share}`);
  const downloads = told.filter(({ phase }) => phase === 'download');
  assert.deepEqual([...new Set(downloads.map(({ file }) => file))].sort(), NAMES, 'of the first one what no tensor is');
  const ends = NAMES.slice(1).map((name) => downloads.findLast(({ file }) => file === name));
  for (const { loaded, total } of ends) assert.equal(loaded, total);
  const second = downloads.findIndex(({ file, loaded, total }) => file === NAMES[1] && loaded === total);
  assert.ok(
    downloads.slice(0, second).some(({ file }) => file === NAMES[2]),
    'one comes before the other has come',
  );
  hub.requests.length = 0;
  assert.deepEqual(await logitsOf('owner/name', { ...options, offline: true }), whole);
  assert.deepEqual(hub.requests, []);
});

test('those that broke off go on where they did, in the next call', async (t) => {
  const { hub, options, bodies } = await setUp(t);
  for (const name of NAMES.slice(1, 3)) hub.fail(`owner/name/${name}`, { cuts: Array(9).fill(CUT) });
  await rejects(BeitForImageClassification.fromPretrained('owner/name', options), 'network', /broke off after 1500000 bytes/);
  for (const name of NAMES) hub.fail(`owner/name/${name}`);
  hub.requests.length = 0;
  assert.deepEqual(await logitsOf('owner/name', options), whole);
  const starts = (name) =>
    bodies()
      .filter(({ path }) => path.endsWith(name))
      .map(({ range }) => range);
  assert.deepEqual(starts(NAMES[1])[0], `bytes=${CUT}-`);
});

test('an abort ends all that come', async (t) => {
  const { hub, options, bodies } = await setUp(t);
  for (const name of NAMES) hub.fail(`owner/name/${name}`, { stall: CUT });
  const controller = new AbortController();
  const onProgress = ({ phase }) => phase === 'download' && controller.abort(new Error('enough'));
  await assert.rejects(BeitForImageClassification.fromPretrained('owner/name', { ...options, signal: controller.signal, onProgress }), {
    message: 'enough',
  });
  for (let i = 0; i < 100 && bodies().some(({ open }) => open); ++i)
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  assert.deepEqual(
    bodies().filter(({ open }) => open),
    [],
  );
});

test('where nothing is kept they are read one after another', async (t) => {
  const { options } = await setUp(t);
  const order = [];
  const onProgress = ({ phase, file }) => phase === 'weights' && file !== order.at(-1) && order.push(file);
  assert.deepEqual(await logitsOf('owner/name', { ...options, cache: false, onProgress }), whole);
  assert.deepEqual(order, ['', ...NAMES]);
});
