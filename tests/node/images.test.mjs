// What counts as an image, and the classification pipeline.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { BeitForImageClassification, BeitImageProcessor, createEngine, pipeline } from '../../dist/node.js';
import { afterwards, fileServer, rejects, root, serve } from './support.mjs';
import { config, files } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const path = join(root, 'tests/fixtures/images/rgb.png');
const bytes = new Uint8Array(readFileSync(path));

test('an image is the same however it is given', async (t) => {
  const processor = await BeitImageProcessor.fromPretrained(files(), { engine });
  const { base } = await serve(t, fileServer({ 'rgb.png': bytes }));
  const raw = await engine.decodeImage(bytes, 'rgb.png');
  assert.equal(raw.channels, 3);
  const rgba = new Uint8ClampedArray(raw.width * raw.height * 4).fill(9);
  for (let i = 0; i < raw.width * raw.height; ++i) rgba.set(raw.data.subarray(i * 3, i * 3 + 3), i * 4);
  const forms = {
    path,
    'file: URL': pathToFileURL(path),
    'http URL': `${base}rgb.png`,
    bytes,
    ArrayBuffer: bytes.buffer.slice(0),
    Blob: new Blob([bytes]),
    File: new File([bytes], 'x.png'),
    raw,
    'data: URL': `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
    ImageData: { width: raw.width, height: raw.height, data: rgba },
    'raw with alpha': { width: raw.width, height: raw.height, channels: 4, data: rgba },
  };
  const expected = (await processor.preprocess(raw)).pixelValues;
  assert.deepEqual(expected.dims, [1, 3, 8, 8]);
  assert.ok(new Set(expected.data).size > 10, 'the picture has a content');
  for (const [name, form] of Object.entries(forms)) {
    assert.deepEqual((await processor.preprocess(form)).pixelValues, expected, name);
  }
  const batch = (await processor.preprocess([raw, bytes])).pixelValues;
  assert.deepEqual(batch.dims, [2, 3, 8, 8]);
  assert.deepEqual(batch.data.subarray(192), expected.data);
  await processor.dispose();
});

test('opacity is dropped where one number is the mean of all channels, and kept where there are four', async () => {
  const image = { width: 8, height: 8, data: Uint8ClampedArray.from({ length: 256 }, (_, i) => i) };
  for (const [mean, std, channels] of [
    [0.5, 0.5, 3],
    [[0.5], [0.5, 0.5, 0.5], 3],
    [0.5, [0.5, 0.5, 0.5, 0.5], 4],
  ]) {
    const processor = await BeitImageProcessor.fromJSON(
      { do_resize: false, do_center_crop: false, image_mean: mean, image_std: std },
      { engine },
    );
    const { pixelValues } = await processor.preprocess(image);
    assert.deepEqual(pixelValues.dims, [1, channels, 8, 8]);
    await processor.dispose();
  }
});

test('frames that were handed over are closed, whatever becomes of their call', async () => {
  const [local, remote] = await Promise.all([false, true].map((worker) => createEngine({ build: 'simd', worker })));
  const { handle } = await local.openProcessor('{}');
  const other = await remote.openProcessor('{}');
  const frame = () => ({ closed: 0, close: () => ++taken.closed });
  let taken = { closed: 0 };
  const calls = {
    'an image before it is none': () => local.preprocess(handle, [{ kind: 'encoded', bytes: new Uint8Array(9), label: 'x' }, shown]),
    'the processor is gone': () => local.preprocess(-1, [shown]),
    'the model is gone': () => local.run('image-classification', { processor: handle, model: -1 }, shown, {}),
    'the call is stopped': () => remote.preprocess(other.handle, [shown], { signal: AbortSignal.abort('no') }),
  };
  let shown;
  for (const [name, call] of Object.entries(calls)) {
    taken = { closed: 0 };
    shown = { kind: 'drawable', image: frame(), owned: true };
    await assert.rejects(call(), (error) => error !== undefined, name);
    assert.ok(taken.closed > 0, name);
  }
  taken = { closed: 0 };
  shown = { kind: 'drawable', image: frame() };
  await assert.rejects(local.preprocess(-1, [shown]));
  assert.equal(taken.closed, 0, 'one that was not handed over');
  await local.dispose();
  await remote.dispose();
});

test('what is no image is refused by name', async (t) => {
  const processor = await BeitImageProcessor.fromPretrained(files(), { engine });
  afterwards(t, () => processor.dispose());
  const { used } = await engine.memory();
  const { base } = await serve(t, fileServer({ 'page.png': Buffer.from('<html>no</html>'), 'cut.png': bytes.subarray(0, 60) }));
  const refuse = (image, ...rest) => rejects(processor.preprocess(image), ...rest);
  await refuse('absent.png', 'not-found', /absent\.png/);
  await refuse(`${base}absent.png`, 'not-found', /absent\.png.*404/);
  await refuse(`${base}page.png`, 'html', /page\.png/);
  await refuse(`${base}cut.png`, 'bad-image', /cut\.png/);
  await refuse(new File([new Uint8Array(50)], 'zeros.bin'), 'bad-image', /zeros\.bin/);
  await refuse(new Uint8Array(0), 'bad-image', /image/);
  await refuse([], 'invalid-argument', /at least one/);
  await refuse([bytes, 5], 'invalid-argument', /images\[1\]: got Number/);
  await refuse(null, 'invalid-argument', /null/);
  await refuse({ width: 2, height: 2, channels: 3, data: new Uint8Array(11) }, 'wrong-shape', /11 samples, expected 12/);
  await refuse(
    { width: 2, height: 2, channels: 2, data: new Uint8Array(8) },
    ['wrong-shape', 'bad-image', 'invalid-argument', 'bad-config'].find(() => true),
    /\S/,
  );
  await assert.rejects(processor.preprocess(bytes, { signal: AbortSignal.abort('no') }), (error) => error === 'no');
  assert.equal((await engine.memory()).used, used);
});

test('a segmentation map is resized and kept as labels', async () => {
  const processor = await BeitImageProcessor.fromPretrained(files(), { engine });
  const labels = await processor.preprocessSegmentationMap({ width: 16, height: 16, data: new Uint8Array(256).fill(7) });
  assert.deepEqual(labels, { dims: [1, 8, 8], data: new Int32Array(64).fill(7) });
  await processor.dispose();
});

test('pipeline: labels by score, lists of images, topK', async () => {
  const classify = await pipeline('image-classification', files(), { engine });
  const result = await classify(path);
  assert.deepEqual(result.map(({ label }) => label).sort(), ['cat', 'dog', 'owl']);
  assert.ok(Math.abs(result.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-12);
  assert.ok(result[0].score >= result[1].score && result[1].score >= result[2].score);
  assert.deepEqual(await classify([path, bytes], { topK: 1 }), [[result[0]], [result[0]]]);
  assert.equal(classify.task, 'image-classification');
  assert.ok(classify.model instanceof BeitForImageClassification);
  assert.equal(classify.runtimeInfo().build, 'simd');
  await rejects(classify(path, { topK: 0 }), 'invalid-argument', /topK/);
  await assert.rejects(classify(path, { signal: AbortSignal.abort('no') }), (error) => error === 'no');
  await classify.dispose();
  await rejects(classify(path), 'disposed', /^This image-classification pipeline has been disposed of\.$/);
});

test('pipeline: several labels at once have scores of their own', async () => {
  const options = { engine, config: { ...config, problem_type: 'multi_label_classification' } };
  const classify = await pipeline('image-classification', files(), options);
  const single = await classify(path, { functionToApply: 'none' });
  for (const { label, score } of await classify(path)) {
    const logit = single.find((item) => item.label === label).score;
    assert.ok(Math.abs(score - 1 / (1 + Math.exp(-logit))) < 1e-12);
  }
  await classify.dispose();
});

test('pipeline: an unknown task', async () => {
  await rejects(pipeline('image-to-poem'), 'invalid-argument', /image-to-poem.*image-classification/);
  await rejects(pipeline('toString'), 'invalid-argument');
});

test('pipeline: the embedded classifier runs without a source', async () => {
  const classify = await pipeline('image-classification', null, { engine });
  const result = await classify(path);
  assert.equal(result.length, Math.min(5, classify.model.config.numLabels));
  for (const { label, score } of result) {
    assert.ok(!label.startsWith('LABEL_'), 'labels have names');
    assert.ok(score >= 0 && score <= 1);
  }
  await classify.dispose();
});
