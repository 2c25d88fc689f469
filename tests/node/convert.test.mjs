// beit convert: any container and naming to what transformers itself would have saved.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { forwardInputs } from '../../dist/cli/inputs.js';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { nodeHost } from '../../dist/platform/host-node.js';
import { BeitError, createEngine, DalleTokenizer } from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { afterwards, beit, golden, rejects, temporaryFolder } from './support.mjs';
import { files, rawSafetensors, tensors, writeCheckpoint } from './tiny-checkpoint.mjs';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';

const engine = await LocalEngine.create(settingsOf({ build: 'simd' }), nodeHost(), false);
test.after(() => engine.dispose());

const resolve = (source) => platform.resolveSource(source, {});

/** Returns the bytes of a converted file, and what was told of it. */
async function converted(source, { spec = { className: 'auto' }, dtype = 'f32', by = engine } = {}) {
  let file;
  const written = [];
  const facts = await by.convert(await resolve(source), spec, dtype, {
    begin: (names, bytes, first) => {
      file = new Uint8Array(bytes);
      file.set(first);
      written.push([0, first.length]);
    },
    write: (offset, data) => {
      file.set(data, offset);
      written.push([offset, data.length]);
    },
  });
  let end = 0;
  for (const [offset, length] of written.sort(([a], [b]) => a - b)) {
    assert.equal(offset, end, 'every byte is written once');
    end += length;
  }
  assert.equal(end, file.length);
  return { file, ...facts };
}

async function outputsOf(source, spec, inputs) {
  const { handle } = await engine.loadModel(await resolve(source), spec);
  try {
    return await engine.forward(handle, inputs, { outputHiddenStates: true, outputAttentions: false, interpolatePosEncoding: true });
  } finally {
    await engine.release(handle);
  }
}

const inputsIn = async (folder) => {
  const path = join(folder, 'expected.safetensors');
  return forwardInputs(await engine.readTensors(new Uint8Array(readFileSync(path))), path);
};

for (const name of readdirSync(join(golden, 'formats'))) {
  test(`${name}: the converted file answers as its source does`, async () => {
    const folder = join(golden, 'formats', name);
    const inputs = await inputsIn(folder);
    const className = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')).class;
    const { file, json, report } = await converted(folder);
    const source = { 'config.json': new TextEncoder().encode(json), 'model.safetensors': file };
    const expected = await outputsOf(folder, { className }, inputs);
    assert.deepEqual(await outputsOf(source, { className }, inputs), expected, 'to the last bit');
    assert.deepEqual(report.missing, []);
    const again = await converted(folder);
    assert.ok(Buffer.from(file).equals(again.file), 'the same bytes each time');
    const twice = await converted(source);
    assert.ok(Buffer.from(file).equals(twice.file), 'what is converted stays as it is');
    for (const [dtype, unit] of [
      ['f16', 2 ** -11],
      ['bf16', 2 ** -8],
    ]) {
      const half = await converted(folder, { dtype });
      const outputs = await outputsOf({ ...source, 'model.safetensors': half.file }, { className }, inputs);
      for (const [output, { data }] of Object.entries(expected)) {
        const most = data.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
        // A weight is off by half a unit at most; what a few layers make of it stays within some units.
        data.forEach((value, i) => assert.ok(Math.abs(outputs[output].data[i] - value) <= 24 * unit * most, `${dtype} ${output}[${i}]`));
      }
    }
  });
}

test('files of transformers come out as they went in, byte for byte', async () => {
  for (const name of [
    'classify-patch16',
    'model-cls-token',
    'model-no-pooler',
    'mim-loss',
    'segment-aux-concat-2convs',
    'backbone-stages',
  ]) {
    const folder = join(golden, 'models', name);
    const spec = { className: 'auto', addPoolingLayer: name !== 'model-no-pooler' };
    const { file } = await converted(folder, { spec });
    assert.ok(readFileSync(join(folder, 'model.safetensors')).equals(Buffer.from(file)), name);
  }
});

test('halves of the tokenizer keep their names', async () => {
  const folder = join(golden, 'dvae/dvae-tiny');
  const halves = {};
  for (const half of ['encoder', 'decoder'])
    halves[half] = {
      [`${half}.safetensors`]: (await converted(join(folder, half === 'encoder' ? 'encoder.pkl' : 'decoder.safetensors'))).file,
    };
  const input = new Float32Array(3 * 32 * 32).map((_, i) => Math.sin(i) / 2 + 0.5);
  const tokensOf = async (sources) => {
    const tokenizer = await DalleTokenizer.fromPretrained(sources, { engine });
    const { tokens, logits } = await tokenizer.encodePixels({ dims: [1, 3, 32, 32], data: input });
    const { reconstruction } = await tokenizer.decodeTokens(tokens);
    await tokenizer.dispose();
    return { logits, reconstruction };
  };
  assert.deepEqual(await tokensOf(halves), await tokensOf({ encoder: folder, decoder: folder }));
});

test('elements are rounded to the nearest, ties to even, and none becomes infinite', async () => {
  const values = [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 2 ** -25, 3 * 2 ** -25, -(2 ** -24), -0, 1 / 3, 1e-7];
  const list = tensors();
  const name = 'beit.encoder.layer.0.attention.attention.query.weight';
  list[name].data.set(values);
  const read = async (dtype) =>
    [
      ...(await engine.readTensors((await converted(files({ 'model.safetensors': writeSafetensors(list) }), { dtype })).file))[name].data,
    ].slice(0, values.length);
  assert.deepEqual(await read('f16'), [1, 1, 1 + 2 ** -9, 65504, 0, 2 ** -23, -(2 ** -24), -0, 0.333251953125, 2 * 2 ** -24]);
  assert.deepEqual(await read('bf16'), [
    1,
    1,
    1,
    65536,
    2 ** -25,
    3 * 2 ** -25,
    -(2 ** -24),
    -0,
    0.333984375,
    Math.fround(1.00117176818e-7),
  ]);
  list[name].data[0] = -65520;
  await rejects(
    converted(files({ 'model.safetensors': writeSafetensors(list) }), { dtype: 'f16' }),
    'invalid-argument',
    /query\.weight.*65520.*65504/,
  );
});

test('a worker writes the same file where its caller is, as fast as that takes it', async (t) => {
  const remote = await createEngine({ worker: true, build: 'simd' });
  afterwards(t, () => remote.dispose());
  const bytes = files();
  const folder = temporaryFolder(t);
  for (const [name, content] of Object.entries(bytes)) writeFileSync(join(folder, name), content);
  for (const dtype of ['f32', 'int8']) {
    const expected = await converted(bytes, { dtype });
    assert.deepEqual(await converted(bytes, { dtype, by: remote }), expected);
    assert.deepEqual(await converted(folder, { dtype, by: remote }), expected, 'from files that the worker reads');
  }
  const { used } = await remote.memory();

  for (const by of [engine, remote]) {
    const held = (await by.memory()).used;
    const source = await resolve(bytes);
    const convert = (sink, call) =>
      by.convert(source, { className: 'auto' }, 'f32', { begin: () => undefined, write: () => undefined, ...sink }, call);
    let busy = false;
    let together = false;
    await convert({
      write: async () => {
        together ||= busy;
        busy = true;
        await new Promise((resolved) => setTimeout(resolved, 1));
        busy = false;
      },
    });
    assert.equal(together, false, 'one piece at a time');
    for (const method of ['begin', 'write']) {
      let later = 0;
      const full = {
        [method]: () => {
          throw new BeitError('io', 'The disk is full.', { where: 'disk' });
        },
      };
      if (method === 'begin') full.write = () => ++later;
      const error = await rejects(convert(full), 'io', /^The disk is full\.$/);
      assert.deepEqual([error.where, later], ['disk', 0]);
      await rejects(
        convert({
          [method]: async () => {
            throw new RangeError('No more.');
          },
        }),
        'internal',
        /^No more\.$/,
      );
      const controller = new AbortController();
      const reason = new Error('enough');
      const stuck = convert(
        { [method]: () => new Promise(() => setTimeout(() => controller.abort(reason), 5)) },
        { signal: controller.signal },
      );
      await assert.rejects(stuck, (thrown) => thrown === reason);
    }
    assert.equal((await by.memory()).used, held, 'all is given back');
  }
  assert.equal((await remote.memory()).used, used);
});

test('beit convert writes the file, its config and the processor, and nothing half', async (t) => {
  const folder = writeCheckpoint(temporaryFolder(t));
  const to = join(folder, 'new');
  mkdirSync(to);
  const out = join(to, 'other.safetensors');
  const { status, stdout, stderr } = await beit('convert', folder, out, '--dtype', 'bf16', '--layer-norm-eps', '1e-6', '--build', 'simd');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(
    stdout,
    /transformers; wrote other\.safetensors \(BeitForImageClassification, bf16, \d+ bytes\), config\.json, preprocessor_config\.json/,
  );
  assert.deepEqual(readdirSync(to).sort(), ['config.json', 'other.safetensors', 'preprocessor_config.json']);
  const config = JSON.parse(readFileSync(join(to, 'config.json'), 'utf8'));
  assert.deepEqual(
    [config.torch_dtype, config.layer_norm_eps, config.architectures, config.hidden_size],
    ['bfloat16', 1e-6, ['BeitForImageClassification'], 4],
  );

  const before = readFileSync(join(folder, 'model.safetensors'));
  for (const name of ['model.safetensors', 'new.safetensors']) {
    const refused = await beit('convert', folder, join(folder, name), '--build', 'simd');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /^beit: OUT: got .*(model\.safetensors|config\.json), a file of the source, which would be overwritten/);
  }
  assert.ok(before.equals(readFileSync(join(folder, 'model.safetensors'))));
  writeFileSync(join(to, 'bad.safetensors'), before.subarray(0, before.length - 5));
  copyFileSync(join(folder, 'config.json'), join(to, 'config.json'));
  const broken = await beit('convert', join(to, 'bad.safetensors'), join(folder, 'new2.safetensors'), '--build', 'simd');
  assert.equal(broken.status, 2);
  assert.ok(!existsSync(join(folder, 'new2.safetensors')));
  assert.deepEqual(
    readdirSync(folder).filter((name) => /part$|new2/.test(name)),
    [],
    'no rest is left',
  );
  assert.match((await beit('convert', folder, join(folder, 'absent', 'a.safetensors'))).stderr, /no such folder/);
  assert.match((await beit('convert', folder, join(to, 'a.bin'))).stderr, /ends with \.safetensors/);
});

test('what a class does not have is left out, and what it lacks is named', async () => {
  const { report, file } = await converted(files(), { spec: { className: 'BeitModel' } });
  assert.deepEqual(report.unexpected.sort(), ['classifier.bias', 'classifier.weight']);
  assert.ok(Object.hasOwn(await engine.readTensors(file), 'embeddings.cls_token'), 'no prefix, as transformers saves a BeitModel');
  const error = await rejects(
    converted(files(), { spec: { className: 'BeitForMaskedImageModeling' } }),
    'missing-tensor',
    /lm_head\.weight/,
  );
  assert.match(error.message, /names of transformers/);
  await rejects(converted({ 'config.json': files()['config.json'], 'model.safetensors': rawSafetensors({}) }), 'unsupported');
});
