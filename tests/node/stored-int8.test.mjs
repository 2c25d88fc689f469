// beit convert --dtype int8: files of a quarter of the size that answer as quantising at load does.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { forwardInputs } from '../../dist/cli/inputs.js';
import { convertedConfig } from '../../dist/engine/conversion.js';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { nodeHost } from '../../dist/platform/host-node.js';
import { BeitForImageClassification, createEngine, inspect } from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { configs, stateDict } from '../../tools/random-checkpoint.mjs';
import { beit, golden, rejects, root, temporaryFolder } from './support.mjs';
import { files, tensors, writeCheckpoint } from './tiny-checkpoint.mjs';

const engine = await LocalEngine.create(settingsOf({ build: 'simd' }), nodeHost(), false);
test.after(() => engine.dispose());

const classifier = join(root, 'weights/embedded/classifier');
const resolve = (source) => platform.resolveSource(source, {});

/** Returns the files of a checkpoint as converted, and what was told of them. */
async function converted(source, dtype = 'int8') {
  let file;
  const facts = await engine.convert(await resolve(source), { className: 'auto' }, dtype, {
    begin: (names, bytes, first) => {
      file = new Uint8Array(bytes);
      file.set(first);
    },
    write: (offset, data) => file.set(data, offset),
  });
  const config = convertedConfig(facts.json, facts, dtype, undefined);
  return { ...facts, files: { 'config.json': new TextEncoder().encode(config), 'model.safetensors': file } };
}

async function outputsOf(source, spec, inputs) {
  const { handle, dtype } = await engine.loadModel(await resolve(source), spec);
  try {
    return {
      dtype,
      outputs: await engine.forward(handle, inputs, { outputHiddenStates: true, outputAttentions: false, interpolatePosEncoding: true }),
    };
  } finally {
    await engine.release(handle);
  }
}

async function inputsIn(folder) {
  const path = join(folder, 'expected.safetensors');
  return forwardInputs(await engine.readTensors(new Uint8Array(readFileSync(path))), path);
}

/** Returns the source as int8 files hold it but for the whole numbers: with every other matrix rounded to F16. */
async function roundedLikeStored(source, stored) {
  const { files: whole } = await converted(source, 'f32');
  const list = await engine.readTensors(whole['model.safetensors']);
  const kept = await engine.readTensors(stored['model.safetensors']);
  for (const [name, tensor] of Object.entries(list)) {
    if (kept[name].dtype === 'F16') tensor.data = kept[name].data;
  }
  return { 'config.json': whole['config.json'], 'model.safetensors': writeSafetensors(list) };
}

const cases = [
  ...readdirSync(join(golden, 'formats')).map((name) => join('formats', name)),
  ...['classify-patch16', 'model-cls-token', 'mim-loss', 'segment-aux-concat-2convs', 'backbone-stages'].map((name) =>
    join('models', name),
  ),
];
for (const name of cases) {
  test(`${name}: stored in int8 it answers as quantised while loading, to the last bit`, async () => {
    const folder = join(golden, name);
    const { class: className } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
    const inputs = await inputsIn(folder);
    const { files: stored, report } = await converted(folder);
    assert.deepEqual(report.missing, []);
    const source = await roundedLikeStored(folder, stored);
    const quantised = await outputsOf(source, { className, dtype: 'int8' }, inputs);
    const taken = await outputsOf(stored, { className }, inputs);
    assert.equal(taken.dtype, 'int8', 'the default for what is stored so');
    assert.deepEqual(taken.outputs, quantised.outputs);

    // Multiplied out it is near, and what has been multiplied out gives the same numbers again.
    const floats = await outputsOf(stored, { className, dtype: 'f32' }, inputs);
    assert.equal(floats.dtype, 'f32');
    const { files: multiplied } = await converted(stored, 'f32');
    assert.deepEqual((await outputsOf(multiplied, { className }, inputs)).outputs, floats.outputs);
    assert.equal(JSON.parse(new TextDecoder().decode(multiplied['config.json'])).quantization_config, undefined);
    for (const [output, { data }] of Object.entries(floats.outputs)) {
      const most = data.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-3);
      data.forEach((value, i) => assert.ok(Math.abs(taken.outputs[output].data[i] - value) <= 0.05 * most, `${output}[${i}]`));
    }
    const { files: again } = await converted(stored);
    assert.ok(Buffer.from(stored['model.safetensors']).equals(again['model.safetensors']), 'what is converted stays as it is');
  });
}

test('the embedded classifier, which is F16, loses nothing but what int8 rounds', async () => {
  const { files: stored } = await converted(classifier);
  const inputs = { pixelValues: { dims: [1, 3, 96, 96], data: Float32Array.from({ length: 3 * 96 * 96 }, (_, i) => Math.sin(i / 7)) } };
  const [quantised, taken] = [
    await outputsOf(classifier, { className: 'auto', dtype: 'int8' }, inputs),
    await outputsOf(stored, { className: 'auto' }, inputs),
  ];
  assert.deepEqual(taken, quantised);
  assert.equal((await outputsOf(classifier, { className: 'auto' }, inputs)).dtype, 'f32');
});

// Twelve layers of a width at which matrices prevail, as in a real model.
const size = { hidden: 256, layers: 12, heads: 4, intermediate: 1024, layerScale: 0.1, imageSize: 64, labels: 100 };

function largeFiles() {
  const list = {};
  for (const { name, shape, count } of stateDict(size)) {
    list[name] = { dims: shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37) / 8) };
  }
  return {
    'config.json': new TextEncoder().encode(JSON.stringify(configs(size, { torch: 'float32' }).config)),
    'model.safetensors': writeSafetensors(list),
  };
}

test('a stored file is a quarter of its source, and loading it takes the packed weights and one tensor', async () => {
  const source = largeFiles();
  const { files: stored, bytes } = await converted(source);
  assert.equal(bytes, stored['model.safetensors'].length);
  assert.ok(bytes < 0.27 * source['model.safetensors'].length, `${bytes} of ${source['model.safetensors'].length}`);
  const other = await createEngine({ build: 'simd' });
  try {
    const before = (await other.memory()).used;
    const uses = [];
    const model = await BeitForImageClassification.fromPretrained(stored, { engine: other, onProgress: () => uses.push(other.memory()) });
    const peak = Math.max(...(await Promise.all(uses)).map(({ used }) => used)) - before;
    assert.equal(model.dtype, 'int8');
    assert.deepEqual([model.loading.unexpected, model.loading.missing], [[], []]);
    assert.equal(
      model.loading.fillBytes,
      stored['model.safetensors'].length - 8 - Number(new DataView(stored['model.safetensors'].buffer).getBigUint64(0, true)),
    );
    const largest = size.hidden * size.intermediate; // in 8 bits
    assert.ok(peak <= model.estimate.weights + largest + (2 << 20), `${peak} where weights take ${model.estimate.weights}`);
    await model.dispose();
    assert.equal((await other.memory()).used, before);
  } finally {
    await other.dispose();
  }
});

test('inspect() tells what is stored, and that scales are expected', async () => {
  const { files: stored, tensors: written } = await converted(files());
  const { dtype, report, tensors: found } = await inspect(stored, { engine });
  assert.equal(dtype, 'int8');
  assert.deepEqual([report.unexpected, report.missing, report.wrong], [[], [], []]);
  const typeOf = Object.fromEntries(found.map(({ name, dtype: type }) => [name, type]));
  assert.deepEqual(typeOf, Object.fromEntries(written.map(({ name, dtype: type }) => [name, type])));
  const layer = 'beit.encoder.layer.1';
  assert.deepEqual(
    [
      `${layer}.output.dense.weight`,
      `${layer}.output.dense.weight_scale`,
      `${layer}.output.dense.bias`,
      'classifier.weight',
      `${layer}.lambda_1`,
    ].map((name) => typeOf[name]),
    ['I8', 'F32', 'F32', 'F16', 'F32'],
  );
  const starts = Object.fromEntries(found.map(({ name, offset }) => [name, offset]));
  for (const name of Object.keys(starts)) {
    if (name.endsWith('_scale')) assert.ok(starts[name] < starts[name.slice(0, -'_scale'.length)], `${name} stands before its matrix`);
  }
  assert.equal((await inspect(stored, { engine, dtype: 'f32' })).dtype, 'f32');
});

test('config.json says what is quantised, by patterns that name the modules and no others', async () => {
  const { files: stored, tensors: written } = await converted(files());
  const {
    quantization_config: {
      config_groups: { group_0: group },
      ...rest
    },
    torch_dtype,
  } = JSON.parse(new TextDecoder().decode(stored['config.json']));
  assert.deepEqual(
    [rest.quant_method, rest.format, rest.quantization_status, torch_dtype],
    ['compressed-tensors', 'naive-quantized', 'compressed', 'float32'],
  );
  assert.deepEqual(
    [group.weights.num_bits, group.weights.type, group.weights.strategy, group.weights.symmetric, group.input_activations],
    [8, 'int', 'channel', true, null],
  );
  assert.equal(group.targets.length, 6);
  const patterns = group.targets.map((target) => new RegExp(`^(?:${target.slice('re:'.length)})`));
  for (const { name, dtype } of written) {
    if (!name.endsWith('.weight')) continue;
    assert.equal(
      patterns.some((pattern) => pattern.test(name.slice(0, -'.weight'.length))),
      dtype === 'I8',
      name,
    );
  }
});

test('beit convert --dtype int8 writes it, beit info and classify read it', async (t) => {
  const folder = temporaryFolder(t);
  const source = writeCheckpoint(temporaryFolder(t));
  const { status, stdout, stderr } = await beit('convert', source, join(folder, 'model.safetensors'), '--dtype', 'int8', '--build', 'simd');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /BeitForImageClassification, int8, \d+ bytes/);
  const info = await beit('info', folder, '--build', 'simd');
  assert.match(info.stdout, /computes with: int8/);
  assert.match(info.stdout, /tensors: \d+ \(F16 \d+, F32 \d+, I8 12\)/);
  assert.match((await beit('info', folder, '--dtype', 'f32', '--build', 'simd')).stdout, /computes with: f32/);
});

test('values that int8 cannot hold, and broken scales, are told with their tensor', async () => {
  const name = 'beit.encoder.layer.0.output.dense.weight';
  const list = tensors();
  list[name].data[5] = NaN;
  await rejects(
    converted(files({ 'model.safetensors': writeSafetensors(list) })),
    'invalid-argument',
    /layer\.0\.output\.dense\.weight.*infinite or NaN/,
  );
  await rejects(converted(join(golden, 'dvae/dvae-tiny/encoder.pkl')), 'unsupported', /int8.*f32/);

  const { files: stored } = await converted(files());
  const broken = await engine.readTensors(stored['model.safetensors']);
  broken[`${name}_scale`].data[2] = 0;
  const load = (changed) => outputsOf({ ...stored, 'model.safetensors': writeSafetensors(changed) }, { className: 'auto' }, {});
  await rejects(load(broken), 'malformed', /output\.dense\.weight_scale: got the scale 0 of output 2/);
  delete broken[`${name}_scale`];
  await rejects(load(broken), 'wrong-type', /output\.dense\.weight is of type I8 and should have its scales/);
});
