// Every option and every field of a config: its answer is transformers' (options.json, made by
// make_options.py), and differs when the option is ignored.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as library from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { golden, root } from './support.mjs';

const { BeitImageProcessor, createEngine } = library;
const cases = JSON.parse(readFileSync(join(root, 'tests/node/options.json'), 'utf8'));
const BASE = { hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 20, image_size: 8, patch_size: 2 };
const POSITIONS = 5;
// The answers themselves are near 1; both sides compute in floats.
const TOLERANCE = { atol: 2e-5, rtol: 1e-4 };

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

/** The same pseudo-random numbers as in make_options.py, of a size that keeps states near 1. */
function values(name, dims) {
  const count = dims.reduce((a, b) => a * b, 1);
  let state = [...name].reduce((hash, character) => (hash * 31 + character.charCodeAt(0)) % 2147483647, 0) || 1;
  const scale = (u) => {
    if (/relative_position_bias_table|token|position_embeddings/.test(name)) return 2 * u;
    if (name.includes('lambda_')) return 0.6 + 0.6 * u;
    if (name.endsWith('running_var')) return 1 + u;
    if (name.startsWith('in.')) return 4 * u;
    if (dims.length === 1) return name.endsWith('weight') ? 1 + 0.8 * u : 0.6 * u;
    return (3.4 / Math.sqrt(count / dims[0])) * u;
  };
  return Float32Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return scale(state / 2147483647 - 0.5);
  });
}

/** Returns {name: dims} of what a model expects: from what the core says is missing, then of another shape. */
async function parametersOf(spec) {
  const inspect = async (names) => {
    const tensors = Object.fromEntries(names.map((name) => [name, { dims: [1], data: new Float32Array(1) }]));
    const source = await platform.resolveSource({ 'model.safetensors': writeSafetensors(tensors) }, {});
    return (await engine.inspect(source, spec)).report;
  };
  const seed = 'beit.embeddings.cls_token';
  const { missing } = await inspect([seed]);
  const { wrong } = await inspect([seed, ...missing]);
  const one = [...missing, seed].filter((name) => !wrong.some((text) => text.startsWith(`${name} `))).map((name) => [name, [1]]);
  return Object.fromEntries([
    ...one,
    ...wrong.map((text) => {
      const [, name, dims] = /^(\S+) is .* should be (\[.*\])$/.exec(text);
      return [name, JSON.parse(dims)];
    }),
  ]);
}

function inputsOf({ inputs: { batch = 1, size = [8, 8], mask = false, labels } = {} }, config) {
  const [height, width] = size;
  const [patchHeight, patchWidth] = [config.patch_size].flat().length === 2 ? config.patch_size : [config.patch_size, config.patch_size];
  const patches = Math.floor(height / patchHeight) * Math.floor(width / patchWidth);
  const numLabels = config.num_labels ?? 2;
  const tensor = (name, ...dims) => ({ dims, data: values(name, dims) });
  const masked = Uint8Array.from(values('in.mask', [batch, patches]), (value) => Number(value > 0));
  const ids = (dims, of) => ({ dims, data: Int32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => of(i)) });
  const made = {
    class: () => ids([batch], (i) => i % numLabels),
    float: () => tensor('in.labels', batch, numLabels),
    multi: () => ({ dims: [batch, numLabels], data: values('in.labels', [batch, numLabels]).map((value) => Number(value > 0)) }),
    tokens: () => ids([masked.reduce((a, b) => a + b)], (i) => (i * 5) % config.vocab_size),
    map: () =>
      ids([batch, height, width], (i) =>
        i % (height * width) < width ? 255 : i % (height * width) < 2 * width ? 1 : Math.floor((i * 7) / 3) % numLabels,
      ),
    ones: () =>
      ids([batch, height, width], (i) =>
        i % (height * width) >= width && i % (height * width) < 2 * width ? 1 : Math.floor((i * 7) / 3) % numLabels,
      ),
  }[labels]?.();
  return {
    pixelValues: tensor('in.pixel_values', batch, config.num_channels ?? 3, height, width),
    ...(mask && { boolMaskedPos: { dims: [batch, patches], data: masked } }),
    ...(made && { labels: made }),
  };
}

function flat(outputs) {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((tensor, i) => [`${name}.${i}`, tensor]) : [[name, value]],
    ),
  );
}

/**
 * Runs a case with these weights, made where they are not given, and the inputs of the case as it is.
 * Returns {outputs, weights}, or {refused: the error}.
 */
async function run(item, { config = {}, options = {}, call = {} }, weights = {}) {
  const whole = { ...BASE, ...item.base, ...config };
  for (const name of item.ignored ?? []) delete whole[name];
  try {
    const own = { ...options, config: whole };
    const { taps, auxiliaryHead, addPoolingLayer } = options;
    const expected = await parametersOf({ className: item.class, configJson: JSON.stringify(whole), taps, auxiliaryHead, addPoolingLayer });
    const filled = {
      ...Object.fromEntries(
        Object.entries(expected).map(([name, dims]) => [name, { dims, data: weights[name] ? null : values(name, dims) }]),
      ),
      ...weights,
    };
    const model = await library[item.class].fromPretrained({ 'model.safetensors': writeSafetensors(filled) }, { engine, ...own });
    try {
      const inputs = inputsOf(item, { ...BASE, ...item.base, ...item.config });
      return { outputs: flat(await model.forward(inputs, call)), weights: filled };
    } finally {
      await model.dispose();
    }
  } catch (error) {
    if (error.name !== 'BeitError') throw error;
    return { refused: error };
  }
}

/** Returns what is not as expected, or null. */
function difference(outputs, expected) {
  const names = [Object.keys(outputs), Object.keys(expected)].map((keys) => keys.sort().join());
  if (names[0] !== names[1]) return `outputs ${names[0]}, not ${names[1]}`;
  for (const [name, { dims, at }] of Object.entries(expected)) {
    const { dims: got, data } = outputs[name];
    if (got.join() !== dims.join()) return `${name} is ${got}, not ${dims}`;
    for (let k = 0; k < POSITIONS; ++k) {
      const a = data[Math.floor(((2 * k + 1) * data.length) / (2 * POSITIONS))];
      if (!(Math.abs(a - at[k]) <= TOLERANCE.atol + TOLERANCE.rtol * Math.abs(at[k]))) return `${name}: ${a}, not ${at[k]}`;
    }
  }
  return null;
}

function sampled(outputs) {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [
      name,
      { dims, at: Array.from({ length: POSITIONS }, (_, k) => data[Math.floor(((2 * k + 1) * data.length) / (2 * POSITIONS))]) },
    ]),
  );
}

for (const item of cases) {
  const { option, config, options, call } = item;
  const title = JSON.stringify({ ...config, ...options, ...call, ...(item.plain && item.inputs) });
  test(`${option}: ${item.class} ${title}`, async () => {
    const { outputs, weights, refused } = await run(item, item);
    if (item.refused) assert.equal(refused?.code, item.refused, refused?.message);
    else assert.equal(refused, undefined);
    if (item.expected) assert.equal(difference(outputs, item.expected), null);
    if (item.plain) return;
    const ignored = await run({ ...item, ignored: Object.keys(config ?? {}) }, {}, weights);
    if (item.same) assert.equal(difference(ignored.outputs, sampled(outputs)), null, 'it has no effect');
    else if (item.refused) assert.equal(ignored.refused, undefined, 'it answers where the option is ignored');
    else if (!ignored.refused) assert.notEqual(difference(ignored.outputs, sampled(outputs)), null, 'ignored, the answer is the same');
  });
}

const PROCESSOR = { do_resize: false, do_center_crop: false, do_rescale: false, do_normalize: false };
const GOLDEN_PROCESSORS = [
  ['doResize', 'crop-larger-than-image-pads', 'do_resize'],
  ['size', 'bilinear-down', 'size'],
  ['resample', 'nearest', 'resample'],
  ['resample', 'lanczos-down', 'resample'],
  ['resample', 'bilinear-down', 'resample'],
  ['resample', 'box', 'resample'],
  ['resample', 'hamming', 'resample'],
  ['doCenterCrop', 'hub-224-nocrop', 'do_center_crop', { do_center_crop: true, crop_size: { height: 100, width: 100 } }],
  ['cropSize', 'crop-larger-than-image-pads', 'crop_size'],
  ['doRescale', 'no-rescale', 'do_rescale'],
  ['doNormalize', 'no-normalize', 'do_normalize'],
  ['imageMean', 'imagenet-mean-std', 'image_mean'],
  ['imageStd', 'imagenet-mean-std', 'image_std'],
];

async function preprocess(json, image) {
  const processor = await BeitImageProcessor.fromJSON(json, { engine });
  try {
    return (await processor.preprocess(image)).pixelValues;
  } finally {
    await processor.dispose();
  }
}

for (const [option, name, field, other] of GOLDEN_PROCESSORS) {
  test(`${option}: BeitImageProcessor, ${name}`, async () => {
    const folder = join(golden, 'images', name);
    const tensors = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
    const {
      dims: [height, width, channels],
      data,
    } = tensors['in.image'];
    const image = { width, height, channels, data };
    const expected = tensors['out.pixel_values'];
    const { [field]: set, ...config } = JSON.parse(readFileSync(join(folder, 'preprocessor_config.json'), 'utf8'));
    const furthest = (actual) =>
      actual.dims.join() === expected.dims.join()
        ? actual.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i])), 0)
        : Infinity;
    assert.ok(furthest(await preprocess({ ...config, [field]: set }, image)) <= 1e-6);
    assert.ok(furthest(await preprocess({ ...config, ...other }, image)) > 1e-3, 'ignored, the answer is the same');
  });
}

test('rescaleFactor and a size of one number: BeitImageProcessor', async () => {
  const image = { width: 2, height: 2, channels: 3, data: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) };
  const halves = await preprocess({ ...PROCESSOR, do_rescale: true, rescale_factor: 0.5 }, image);
  assert.deepEqual(
    [...halves.data],
    [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11].map((i) => 10 * i),
  );
  assert.notDeepEqual((await preprocess({ ...PROCESSOR, do_rescale: true }, image)).data, halves.data);
  assert.deepEqual((await preprocess({ ...PROCESSOR, do_resize: true, size: 5 }, image)).dims, [1, 3, 5, 5]);
});

test('doReduceLabels, under its old name too: BeitImageProcessor', async () => {
  const map = { width: 4, height: 1, channels: 1, data: Uint8Array.of(0, 1, 150, 255) };
  const labelsOf = async (json) => {
    const { handle } = await engine.openProcessor(JSON.stringify({ ...PROCESSOR, ...json }));
    const { data } = await engine.preprocessMap(handle, map);
    await engine.release(handle);
    return [...data];
  };
  assert.deepEqual(await labelsOf({}), [0, 1, 150, 255]);
  for (const field of ['do_reduce_labels', 'reduce_labels']) assert.deepEqual(await labelsOf({ [field]: true }), [255, 0, 149, 255]);
});

test('every option and field has a case', async () => {
  const covered = new Set([
    ...cases.map(({ option }) => option),
    ...GOLDEN_PROCESSORS.map(([option]) => option),
    'rescaleFactor',
    'doReduceLabels',
  ]);
  // Names of classes and labels, which no number depends on (config.test and load.test have them).
  for (const name of ['modelType', 'architectures', 'id2label', 'label2id', 'unknownFields', 'imageProcessorType', 'featureExtractorType'])
    covered.add(name);
  const processor = await BeitImageProcessor.fromJSON({}, { engine });
  const fields = [...Object.keys(await engine.readConfig('{}')), ...Object.keys(processor.config)];
  await processor.dispose();
  assert.deepEqual(
    fields.filter((name) => !covered.has(name)),
    ['hiddenAct'].filter((name) => !covered.has(name)),
  );
  for (const name of [
    'addPoolingLayer',
    'auxiliaryHead',
    'taps',
    'layerNormEps',
    'relativePositionBiasResize',
    'interpolatePosEncoding',
    'outputHiddenStates',
    'outputAttentions',
  ])
    assert.ok(covered.has(name), name);
});
