// keepAs: what comes as floats is kept as int8, found again by the version of what came. convert(): the same as a call.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForImageClassification, BeitModel, cache, convert, createEngine, inspect, pipeline } from '../../dist/node.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, rejects, root, temporaryFolder } from './support.mjs';

const folder = join(root, 'weights/embedded/classifier');
const bytesOf = (name) => readFileSync(join(folder, name));
const beach = join(root, 'demo/samples/beach.jpg');
const WEIGHTS = 'owner/name/model.safetensors';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

/** The classifier's weights as F32. */
const floats = await bytesIn(await convert(folder, { engine }));

async function bytesIn({ files }) {
  return Buffer.from(await files['model.safetensors'].arrayBuffer());
}

async function setUp(t, worker = false) {
  const names = ['config.json', 'preprocessor_config.json'];
  const small = Object.fromEntries(names.map((name) => [`owner/name/${name}`, bytesOf(name)]));
  const hub = await startHub({ ...small, [WEIGHTS]: floats });
  afterwards(t, () => hub.close());
  const kept = temporaryFolder(t);
  const options = { host: hub.url, cache: kept, retry: { attempts: 1, delay: 1 }, keepAs: 'int8', ...(worker ? { worker } : { engine }) };
  const listed = async () => (await cache.list(kept)).filter(({ file }) => file.endsWith('.safetensors'));
  const fetched = () => hub.requests.splice(0).filter(({ path, host }) => host === 'cdn' && path.endsWith('.safetensors')).length;
  return { hub, kept, options, listed, fetched };
}

async function answer(source, options) {
  const classify = await pipeline('image-classification', source, options);
  const labels = await classify(beach, { topK: 3 });
  const { dtype } = classify.model;
  await classify.dispose();
  return { labels, dtype };
}

test('what is kept as int8 and was spoilt on its disk is made anew', async (t) => {
  const { kept, options, listed, fetched } = await setUp(t);
  const first = await answer('owner/name', options);
  const [{ bytes: size }] = await listed();
  const [data] = readdirSync(kept).filter((name) => name.endsWith('.data') && statSync(join(kept, name)).size === size);
  writeFileSync(join(kept, data), Buffer.alloc(size));
  await rejects(answer('owner/name', options), 'corrupt', /owner\/name\/model\.safetensors: what was kept of it has been spoilt/);
  assert.deepEqual(await listed(), []);
  assert.equal(fetched(), 1);
  assert.deepEqual(await answer('owner/name', options), first);
  assert.equal(fetched(), 1);
});

for (const worker of [false, true]) {
  test(`weights are fetched once, kept as int8, and used as they are kept${worker ? ', by a worker' : ''}`, async (t) => {
    const { hub, options, listed, fetched } = await setUp(t, worker);
    const shares = [];
    const warnings = [];
    const watch = { onProgress: ({ phase, share }) => shares.push([phase, share]), onWarning: ({ message }) => warnings.push(message) };
    const first = await answer('owner/name', { ...options, ...watch });
    assert.deepEqual([first.dtype, first.labels[0].label, warnings, fetched()], ['int8', 'beach', [], 1]);
    for (let i = 1; i < shares.length; ++i) assert.ok(shares[i][1] >= shares[i - 1][1] || shares[i - 1][0] === 'ready', String(shares[i]));
    const [record, ...others] = await listed();
    assert.deepEqual(others, []);
    assert.ok(record.bytes < 0.3 * floats.length, `${record.bytes} bytes of ${floats.length}`);
    assert.deepEqual(
      [record.form, record.source, record.originalBytes, record.sha256, record.url],
      [
        'int8',
        'owner/name',
        floats.length,
        hub.sha256(WEIGHTS),
        `${hub.url}/owner/name/resolve/${hub.commit()}/model.safetensors?kept-as=int8`,
      ],
    );
    assert.deepEqual(await answer('owner/name', options), first);
    assert.equal(fetched(), 0);
    hub.network('refusing');
    assert.deepEqual(await answer('owner/name', { ...options, offline: true }), first);
    assert.equal(
      (await inspect('owner/name', { ...options, offline: true })).tensors.filter(({ dtype }) => dtype === 'I8').length > 0,
      true,
    );
  });
}

test('what is kept answers as quantising at load does, and for other classes', async (t) => {
  const { options, fetched } = await setUp(t);
  const { labels } = await answer('owner/name', options);
  assert.deepEqual(labels, (await answer(folder, { engine, dtype: 'int8' })).labels);
  fetched();
  const model = await BeitModel.fromPretrained('owner/name', { ...options, dtype: 'f32' });
  assert.deepEqual([model.dtype, model.loading.missing, fetched()], ['f32', [], 0]);
  await model.dispose();
});

test('another commit with the same weights keeps them, one with others replaces them', async (t) => {
  const { hub, options, listed, fetched } = await setUp(t);
  await answer('owner/name', options);
  const [{ saved, url }] = await listed();
  fetched();
  hub.replace('owner/name/README.md', Buffer.from('new'));
  await answer('owner/name', { ...options, revalidate: 'first' });
  assert.deepEqual([(await listed())[0].saved, fetched()], [saved, 0]);
  // Another padding of the header is another file of the same tensors.
  const length = Number(floats.readBigUInt64LE(0));
  const padded = Buffer.concat([Buffer.alloc(8), floats.subarray(8, 8 + length), Buffer.from(' '.repeat(8)), floats.subarray(8 + length)]);
  padded.writeBigUInt64LE(BigInt(length + 8), 0);
  hub.replace(WEIGHTS, padded);
  await answer('owner/name', { ...options, revalidate: 'first' });
  assert.equal(fetched(), 1);
  const found = (await listed()).map((record) => [record.form, record.originalBytes, record.url === url]);
  assert.ok(
    found.some(([form, bytes]) => form === 'int8' && bytes === padded.length),
    JSON.stringify(found),
  );
  // The third load finds all of the newer commit, and takes the older's away.
  await answer('owner/name', options);
  assert.deepEqual(
    (await listed()).map(({ originalBytes }) => originalBytes),
    [padded.length],
  );
});

test('on a server that is no hub it is asked for what came', async (t) => {
  const { hub, options: ofHub, listed, fetched } = await setUp(t);
  const { host: _, ...options } = ofHub;
  const source = `${hub.url}/owner/name/resolve/main/`;
  await answer(source, options);
  assert.equal(fetched(), 1);
  await answer(source, { ...options, revalidate: 'first' });
  assert.ok(!(await listed())[0].stale);
  const changed = Buffer.from(floats);
  changed[changed.length - 1] ^= 1;
  hub.replace(WEIGHTS, changed);
  hub.requests.length = 0;
  const { saved } = (await listed())[0];
  await answer(source, { ...options, revalidate: 'first' });
  const [now, ...others] = await listed();
  assert.notEqual(now.saved, saved);
  assert.deepEqual(others, []);
  hub.network('silent');
  await answer(source, { ...options, revalidate: 'never' });
});

test('floats that are kept already are made into int8 without a download; without the option they are fetched as they come', async (t) => {
  const { options, listed, fetched } = await setUp(t);
  const { keepAs: _, ...plain } = options;
  assert.equal((await answer('owner/name', plain)).dtype, 'f32');
  assert.equal(fetched(), 1);
  assert.equal((await answer('owner/name', options)).dtype, 'int8');
  assert.equal(fetched(), 0);
  assert.deepEqual((await listed()).map(({ form }) => form).sort(), ['int8', undefined]);
  assert.equal(await cache.delete('owner/name', options.cache), 4);
});

test('a broken download keeps nothing, and a wrong sum is refused', async (t) => {
  const { hub, options, listed } = await setUp(t);
  await rejects(answer('owner/name', { ...options, sha256: { 'model.safetensors': 'ab'.repeat(32) } }), 'corrupt', /SHA-256/);
  hub.fail(WEIGHTS, { cuts: Array(9).fill(100_000) });
  await rejects(answer('owner/name', { ...options, retry: { attempts: 0 } }), 'network', /broke off|truncated|promised/);
  assert.deepEqual(await listed(), []);
  await rejects(answer('owner/name', { ...options, keepAs: 'f16' }), 'invalid-argument', /keepAs: got "f16", expected int8/);
  await rejects(answer('owner/name', { ...options, fetch }), 'invalid-argument', /keepAs/);
});

test('convert() gives a checkpoint as files, or writes it where it is told to', async () => {
  const { files, bytes, className, dtype } = await convert(folder, { engine, dtype: 'int8' });
  assert.deepEqual([className, dtype, files['model.safetensors'].size], ['BeitForImageClassification', 'int8', bytes]);
  assert.ok(bytes < statSync(join(folder, 'model.safetensors')).size);
  assert.equal(JSON.parse(await files['config.json'].text()).quantization_config.quant_method, 'compressed-tensors');
  assert.deepEqual(await answer(files, { engine }), await answer(folder, { engine, dtype: 'int8' }));
  const expected = Buffer.from(await files['model.safetensors'].arrayBuffer());

  const chunks = [];
  const stream = new WritableStream({ write: (chunk) => void chunks.push(chunk) });
  assert.equal((await convert(folder, { engine, dtype: 'int8', to: stream })).files['model.safetensors'], undefined);
  assert.ok(Buffer.concat(chunks).equals(expected));

  const placed = Buffer.alloc(bytes);
  const sink = { begin: (_, __, first) => placed.set(first), write: (offset, data) => placed.set(data, offset) };
  await convert(folder, { engine, dtype: 'int8', to: sink });
  assert.ok(placed.equals(expected));

  const half = await convert(folder, { engine, dtype: 'f16' });
  const model = await BeitForImageClassification.fromPretrained(half.files, { engine });
  assert.equal(model.dtype, 'f32');
  await model.dispose();
  await rejects(convert(folder, { engine, dtype: 'int4' }), 'unsupported', /dtype/);
  await rejects(convert(folder, { engine, to: 5 }), 'invalid-argument', /to: got number/);
  const busy = new WritableStream();
  busy.getWriter();
  const asked = [];
  const told = { onProgress: ({ phase }) => asked.push(phase) };
  await rejects(convert(folder, { engine, to: busy, ...told }), 'invalid-argument', /to: got a stream that is being written to/);
  assert.deepEqual(asked, [], 'nothing is read for it');
  await rejects(convert(folder, { engine, dtpye: 'f16' }), 'invalid-argument', /dtpye/);
  const failing = {
    begin: () => undefined,
    write: () => {
      throw new Error('The disk is gone.');
    },
  };
  await assert.rejects(convert(folder, { engine, to: failing }), /The disk is gone/);
});
