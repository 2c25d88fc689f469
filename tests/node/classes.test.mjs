// The classes beside BeitModel and the classifier, and configs that come from the tensors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  AutoBackbone,
  AutoConfig,
  AutoImageProcessor,
  AutoModel,
  AutoModelForImageClassification,
  AutoModelForMaskedImageModeling,
  AutoModelForSemanticSegmentation,
  BeitBackbone,
  BeitConfig,
  BeitFeatureExtractor,
  BeitForImageClassification,
  BeitForMaskedImageModeling,
  BeitForSemanticSegmentation,
  BeitImageProcessor,
  BeitModel,
  createEngine,
  FlaxBeitForImageClassification,
  FlaxBeitModel,
} from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { golden, rejects } from './support.mjs';
import { config, files, pixelValues } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

async function example(name, Class, options, use) {
  const folder = join(golden, 'models', name);
  const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
  const model = await Class.fromPretrained(folder, { engine, ...options });
  try {
    await use(model, expected);
  } finally {
    await model.dispose();
  }
}

function close(actual, expected) {
  assert.equal(actual.data.length, expected.data.length);
  expected.data.forEach((b, i) =>
    assert.ok(Math.abs(actual.data[i] - b) <= 2e-4 + 1e-3 * Math.abs(b), `${i}: ${actual.data[i]}, not ${b}`),
  );
}

test('masked image modelling gives logits of all patches, and a loss of the masked ones', () =>
  example('mim-loss', BeitForMaskedImageModeling, {}, async (model, expected) => {
    const inputs = { pixelValues: expected['in.pixel_values'], boolMaskedPos: expected['in.bool_masked_pos'] };
    const { logits, loss } = await model.forward({ ...inputs, labels: expected['in.labels'] });
    assert.deepEqual(logits.dims, [1, 36, 97]);
    close(logits, expected['out.logits']);
    close(loss, expected['out.loss']);
    const plain = await model.forward(inputs, { outputHiddenStates: true });
    assert.equal(plain.loss, undefined);
    assert.equal(plain.hiddenStates.length, model.config.numHiddenLayers + 1);
  }));

test('segmentation: loss, and logits without the auxiliary head', async () => {
  await example('segment-loss', BeitForSemanticSegmentation, {}, async (model, expected) => {
    const { logits, loss } = await model.forward({ pixelValues: expected['in.pixel_values'], labels: expected['in.labels'] });
    close(logits, expected['out.logits']);
    close(loss, expected['out.loss']);
  });
  await example('segment-aux', BeitForSemanticSegmentation, { auxiliaryHead: false }, async (model, expected) => {
    const { logits } = await model.forward({ pixelValues: expected['in.pixel_values'] });
    close(logits, expected['out.logits']);
  });
});

test('the backbone gives the feature maps that the config names', () =>
  example('backbone-stages', BeitBackbone, {}, async (model, expected) => {
    const { featureMaps } = await model.forward({ pixelValues: expected['in.pixel_values'] });
    assert.equal(featureMaps.length, 2);
    featureMaps.forEach((map, i) => close(map, expected[`out.feature_maps.${i}`]));
  }));

test('segmentation maps: the largest logit wins, at any size, with its probability', async () => {
  const processor = await BeitImageProcessor.fromJSON({}, { engine });
  const logits = { dims: [2, 2, 1, 2], data: Float32Array.of(0, 3, 1, 0, 5, 5, 5, 5) };
  const [first, second] = await processor.postProcessSemanticSegmentation({ logits }, { scores: true });
  assert.deepEqual([...first.labels], [1, 0]);
  assert.deepEqual([...second.labels], [0, 0], 'the first of equals');
  assert.deepEqual([first.counts, second.counts], [Uint32Array.of(1, 1), Uint32Array.of(2, 0)]);
  assert.ok(Math.abs(first.scores[1] - 1 / (1 + Math.exp(-3))) < 1e-6);
  const sized = await processor.postProcessSemanticSegmentation({ logits }, { targetSizes: [{ height: 3, width: 8 }, [2, 5]] });
  assert.deepEqual(
    sized.map(({ height, width, labels, scores }) => [height, width, labels.length, scores]),
    [
      [3, 8, 24, null],
      [2, 5, 10, null],
    ],
  );
  assert.deepEqual([...sized[0].labels.subarray(0, 8)], [1, 1, 1, 0, 0, 0, 0, 0]);
  await rejects(processor.postProcessSemanticSegmentation({ logits }, { targetSizes: [[1, 2]] }), 'invalid-argument', /targetSizes/);
  await rejects(processor.postProcessSemanticSegmentation({ logits: { dims: [4], data: new Float32Array(4) } }), 'wrong-shape', /logits/);
  await processor.dispose();
  assert.equal(BeitFeatureExtractor, BeitImageProcessor);
});

test("transformers' Auto classes are BEiT's", async () => {
  assert.deepEqual(
    [AutoConfig, AutoImageProcessor, AutoModel, AutoBackbone, AutoModelForMaskedImageModeling, AutoModelForSemanticSegmentation],
    [BeitConfig, BeitImageProcessor, BeitModel, BeitBackbone, BeitForMaskedImageModeling, BeitForSemanticSegmentation],
  );
  const model = await AutoModelForImageClassification.fromPretrained(files(), { engine });
  assert.ok(model instanceof BeitForImageClassification);
  await model.dispose();
});

test('without config.json the config follows from the tensors, and a given one wins', async () => {
  const logitsOf = async (source, options = {}) => {
    const model = await BeitForImageClassification.fromPretrained(source, { engine, ...options });
    const { logits } = await model.forward({ pixelValues });
    await model.dispose();
    return { logits, config: model.config };
  };
  const bare = files({ 'config.json': null });
  const derived = await logitsOf(bare);
  const expected = await logitsOf(files());
  assert.deepEqual(derived.logits, expected.logits);
  assert.equal(derived.config.numLabels, 3);
  const given = await logitsOf(bare, { config });
  assert.deepEqual(given.config.id2label, ['cat', 'dog', 'owl']);
});

test("Flax's names are the same models", async () => {
  const flax = await FlaxBeitForImageClassification.fromPretrained(files(), { engine });
  const plain = await BeitForImageClassification.fromPretrained(files(), { engine });
  assert.ok(flax instanceof BeitForImageClassification);
  assert.deepEqual(await flax.forward({ pixelValues }), await plain.forward({ pixelValues }));
  const model = await FlaxBeitModel.fromPretrained(files(), { engine });
  assert.deepEqual(Object.keys(await model.forward({ pixelValues })), ['lastHiddenState', 'poolerOutput']);
  for (const each of [flax, plain, model]) await each.dispose();
});

test("Data2VecVision's classes are BEiT's, by the config's name and by their own", async () => {
  const folder = join(golden, 'formats/data2vec-vision');
  const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
  for (const className of ['auto', 'Data2VecVisionForImageClassification', 'BeitForImageClassification']) {
    const model = await engine.loadModel(await platform.resolveSource(folder, {}), { className });
    assert.equal(model.report.dialect, 'Data2VecVision');
    const switches = { outputHiddenStates: false, outputAttentions: false, interpolatePosEncoding: true };
    close((await engine.forward(model.handle, { pixelValues: expected['in.pixel_values'] }, switches)).logits, expected['out.logits']);
    await engine.release(model.handle);
  }
});

test('a folder as timm has it on a hub: the tensors tell the sizes, the config the labels', async () => {
  const folder = join(golden, 'formats/timm-names');
  const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
  const source = await platform.resolveSource(folder, {});
  const count = expected['out.logits'].dims[1];
  const names = Array.from({ length: count }, (_, i) => `name ${i}`);
  const timm = { architecture: 'beit_base_patch16_224', num_classes: count, label_names: names, pretrained_cfg: { crop_pct: 0.9 } };
  const switches = { outputHiddenStates: false, outputAttentions: false, interpolatePosEncoding: false };
  const run = async (spec) => {
    const model = await engine.loadModel(source, spec);
    const outputs = await engine.forward(model.handle, { pixelValues: expected['in.pixel_values'] }, switches);
    await engine.release(model.handle);
    return { model, outputs };
  };
  for (const given of [timm, { ...timm, model_type: 'timm_wrapper' }]) {
    const { model, outputs } = await run({ className: 'auto', configJson: JSON.stringify(given) });
    assert.deepEqual([model.className, model.config.id2label, model.config.layerNormEps], ['BeitForImageClassification', names, 1e-6]);
    close(outputs.logits, expected['out.logits']);
  }
  // Without a head, too, no table is left out.
  const body = await run({ className: 'BeitModel', configJson: JSON.stringify(timm) });
  assert.deepEqual(
    body.model.report.unexpected.filter((name) => !name.startsWith('head.')),
    [],
  );
  assert.ok(body.model.config.useRelativePositionBias || body.model.config.useSharedRelativePositionBias);
  const told = { [names[1]]: 'what it is', other: 'nothing' };
  const described = await run({ className: 'auto', configJson: JSON.stringify({ ...timm, label_descriptions: told }) });
  assert.deepEqual(
    described.model.config.id2label,
    names.map((name) => told[name] ?? name),
  );
  const short = JSON.stringify({ ...timm, label_names: names.slice(1) });
  await rejects(engine.loadModel(source, { className: 'auto', configJson: short }), 'bad-config', /label_names/);
  await rejects(BeitConfig.fromJSON(timm, { engine }), 'unsupported', /timm/);
});

// What timm makes of a pretrained_cfg, and where torchvision's CenterCrop(4) begins in 7 rows and 6 columns: round(1.5) and 1.
test("timm's config prepares pictures: crop_pct, crop_mode, interpolation, mean and std", async () => {
  const processorOf = (pretrained_cfg, more = {}) =>
    BeitImageProcessor.fromPretrained(
      { 'config.json': json({ architecture: 'beitv2_base_patch16_224', pretrained_cfg, ...more }) },
      { engine },
    );
  const json = (value) => new TextEncoder().encode(JSON.stringify(value));
  const cropped = await processorOf({ input_size: [3, 4, 4], crop_pct: 0.66, interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] });
  assert.deepEqual([cropped.config.size, cropped.config.cropSize], [{ shortestEdge: 6 }, { height: 4, width: 4 }]);
  const image = {
    width: 6,
    height: 7,
    channels: 3,
    data: Uint8Array.from({ length: 126 }, (_, i) => 10 * Math.floor(i / 18) + (Math.floor(i / 3) % 6)),
  };
  const { pixelValues } = await cropped.preprocess(image);
  const rows = Array.from({ length: 4 }, (_, y) => Array.from({ length: 4 }, (_, x) => Math.round(pixelValues.data[4 * y + x] * 255)));
  assert.deepEqual(
    rows,
    [2, 3, 4, 5].map((y) => [1, 2, 3, 4].map((x) => 10 * y + x)),
  );
  // Its own defaults, ImageNet's mean and std, where the file is older and tells at its top.
  const plain = await processorOf(undefined, { input_size: [3, 224, 224], crop_pct: null });
  assert.deepEqual([plain.config.size, plain.config.resample], [{ shortestEdge: 256 }, 3]);
  assert.deepEqual(plain.config.imageMean, [0.485, 0.456, 0.406]);
  const squashed = await processorOf({ input_size: [3, 384, 256], crop_pct: 1, crop_mode: 'squash' });
  assert.deepEqual(squashed.config.size, { height: 384, width: 256 });
  await rejects(processorOf({ input_size: [3, 4, 4], crop_mode: 'border' }), 'unsupported', /crop_mode border/);
  await rejects(processorOf({ input_size: 224 }), 'bad-config', /input_size/);
  await rejects(processorOf({ crop_pct: 0 }), 'bad-config', /crop_pct/);
  for (const each of [cropped, plain, squashed]) await each.dispose();
});

// The naming families, each with a checkpoint that is asked for what it does not have.
const FAMILIES = {
  'data2vec-vision': 'Data2VecVision',
  'flax-classify': 'Flax',
  'flax-mim': 'Flax',
  'hf5-state-dict-segment': 'transformers 5',
  'safetensors-f16': 'transformers',
  'timm-names': 'timm or unilm',
  'torch-legacy': 'transformers',
  'unilm-pth': 'timm or unilm',
};

for (const [name, dialect] of Object.entries(FAMILIES)) {
  test(`${name}: all that is missing, of another shape or unexpected is named at once, with the dialect`, async () => {
    const folder = join(golden, 'formats', name);
    const source = await platform.resolveSource(folder, {});
    const json = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const { class: className } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
    const configJson = JSON.stringify({
      ...json,
      use_absolute_position_embeddings: true,
      intermediate_size: json.intermediate_size + 1,
      use_relative_position_bias: false,
      use_shared_relative_position_bias: false,
    });
    const { report } = await engine.inspect(source, { className, configJson });
    assert.equal(report.dialect, dialect);
    assert.deepEqual(report.missing, ['beit.embeddings.position_embeddings']);
    // Three tensors a layer have that size. Tables are one a layer, or one for all.
    assert.equal(report.wrong.length, 3 * json.num_hidden_layers);
    assert.ok(
      report.unexpected.length >= 1 && report.unexpected.every((tensor) => /relative_position_bias_table/.test(tensor)),
      report.unexpected.join(),
    );
    const error = await rejects(engine.loadModel(source, { className, configJson }), 'missing-tensor');
    assert.match(error.where, new RegExp(`\\(names of ${dialect}\\)`));
    for (const text of [...report.missing, ...report.wrong, ...report.unexpected]) assert.ok(error.got.includes(text), text);
    assert.ok(error.message.includes(error.got));
    const shapes = await rejects(
      engine.loadModel(source, { className, configJson: JSON.stringify({ ...json, intermediate_size: 7 }) }),
      'wrong-shape',
    );
    assert.ok(shapes.got.split(' and should be ').length === 3 * json.num_hidden_layers + 1, shapes.got);
  });
}
