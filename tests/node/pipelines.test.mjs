// Pipelines beside plain classification.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { BeitModel, colorOf, createEngine, DalleTokenizer, pipeline, similarity } from '../../dist/node.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, golden, rejects, root } from './support.mjs';
import { config, files, maskedFiles, pixelValues } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const picture = join(root, 'tests/fixtures/images/rgb.png');
const processorConfig = new TextEncoder().encode(JSON.stringify({ size: { height: 64, width: 64 }, do_center_crop: false }));

test('classification keeps what is allowed, not denied and likely enough', async () => {
  const classify = await pipeline('image-classification', files(), { engine });
  const all = await classify(picture);
  assert.deepEqual(await classify(picture, { threshold: all[1].score }), all.slice(0, 2));
  assert.deepEqual(await classify(picture, { allow: [all[2].label, 'bear'] }), [all[2]]);
  assert.deepEqual(await classify(picture, { deny: [all[0].label], topK: 1 }), [all[1]]);
  assert.deepEqual(await classify(picture, { allow: new Set([all[0].label]) }), [all[0]]);
  await rejects(classify(picture, { allow: [3] }), 'invalid-argument', /^allow: got \[3\], expected a list of labels/);
  await rejects(classify(picture, { threshold: NaN }), 'invalid-argument', /threshold/);
  await classify.dispose();
});

test("segmentation gives the image's own size, a legend, and on request scores and an overlay", async () => {
  const folder = join(golden, 'models/segment-aux');
  const source = { 'preprocessor_config.json': processorConfig };
  for (const name of ['config.json', 'model.safetensors']) source[name] = new Uint8Array(readFileSync(join(folder, name)));
  const segment = await pipeline('image-segmentation', source, { engine });
  const image = { width: 31, height: 17, channels: 3, data: Uint8Array.from({ length: 31 * 17 * 3 }, (_, i) => i * 7) };
  const result = await segment(image, { scores: true, overlay: true });
  assert.deepEqual([result.width, result.height, result.labels.length, result.scores.length], [31, 17, 527, 527]);
  assert.ok(Math.abs(result.legend.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  for (const { id, color, share } of result.legend) {
    assert.equal(result.labels.filter((label) => label === id).length, Math.round(share * 527));
    assert.deepEqual(color, colorOf(id));
  }
  const pixels = Array.from(result.labels, (id) => [...colorOf(id), 128]);
  assert.deepEqual([...result.overlay.data], pixels.flat());
  assert.ok(result.overlay.data instanceof Uint8ClampedArray && result.overlay.width === 31 && result.overlay.height === 17);
  const order = result.legend.map(({ id, share }) => [-share, id]);
  assert.deepEqual(
    order,
    [...order].sort(([a, i], [b, j]) => a - b || i - j),
    'the largest share first, equal ones by id',
  );
  assert.ok(result.scores.every((score) => score > 0 && score <= 1));
  assert.deepEqual(Object.keys(await segment(image)), ['width', 'height', 'labels', 'legend']);

  const given = await segment(image, { resultSize: { width: 9, height: 5 }, overlay: true });
  assert.deepEqual([given.width, given.height, given.labels.length, given.overlay.data.length], [9, 5, 45, 180]);
  // Of the logits' own size no logit is resized: the largest of each place, as forward() gives them.
  const plain = await segment(image, { resultSize: 'logits' });
  const { pixelValues } = await segment.processor.preprocess(image);
  const { logits } = await segment.model.forward({ pixelValues });
  const [, classes, height, width] = logits.dims;
  assert.deepEqual([plain.height, plain.width], [height, width]);
  const best = Array.from({ length: height * width }, (_, at) => {
    const column = Array.from({ length: classes }, (_, id) => logits.data[id * height * width + at]);
    return column.indexOf(Math.max(...column));
  });
  assert.deepEqual([...plain.labels], best);
  for (const resultSize of [{ width: 0, height: 5 }, { width: 9 }, 'small', 7]) {
    await rejects(segment(image, { resultSize }), 'invalid-argument', /resultSize/);
  }
  await segment.dispose();
  assert.equal(new Set(Array.from({ length: 255 }, (_, id) => String(colorOf(id)))).size, 255);
});

test('segmentation without a source runs the embedded checkpoint', async () => {
  const segment = await pipeline('image-segmentation', null, { engine });
  const { width, height, labels, legend } = await segment(join(root, 'demo/samples/beach.jpg'));
  assert.equal(labels.length, width * height);
  const shares = Object.fromEntries(legend.map(({ label, share }) => [label, share]));
  for (const label of ['sky', 'water', 'sand']) assert.ok(shares[label] > 0.03, JSON.stringify(shares));
  await segment.dispose();
});

test('features: pooled, tokens and any layer', async () => {
  const extract = await pipeline('image-feature-extraction', files(), { engine });
  assert.deepEqual((await extract(picture)).dims, [4]);
  const tokens = await extract(picture, { output: 'tokens' });
  assert.deepEqual(tokens.dims, [5, 4]);
  const [first, last] = [await extract(picture, { output: 0 }), await extract(picture, { output: -1 })];
  assert.deepEqual(last, await extract(picture, { output: 2 }));
  assert.notDeepEqual(first.data, last.data);
  await rejects(extract(picture, { output: 3 }), 'invalid-argument', /-3 to 2/);
  await extract.dispose();
});

for (const name of ['mim-loss', 'segment-aux', 'backbone-stages', 'model-no-pooler']) {
  test(`features of a checkpoint without a pooler (${name})`, async () => {
    const folder = join(golden, 'models', name);
    const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
    const extract = await pipeline('image-feature-extraction', folder, { engine });
    const { imageSize, numHiddenLayers, hiddenSize } = extract.model.config;
    const image = { ...imageSize, channels: 3, data: new Uint8Array(imageSize.height * imageSize.width * 3).fill(77) };
    await rejects(extract(image), 'missing-tensor', new RegExp(`no pooler.*tokens.*from -${numHiddenLayers + 1} to ${numHiddenLayers}`));
    const tokens = await extract(image, { output: 'tokens' });
    assert.equal(tokens.dims[1], hiddenSize);
    // The encoder is the one that the checkpoint has: the reference's hidden states come out.
    const { 'in.pixel_values': pixelValues } = expected;
    const { hiddenStates, lastHiddenState } = await extract.model.forward({ pixelValues }, { outputHiddenStates: true });
    const known = Object.keys(expected).filter((key) => /^out\.(hidden_states\.|last_hidden_state)/.test(key));
    for (const key of known) {
      const [, index] = /states\.(\d+)/.exec(key) ?? [];
      const actual = index === undefined ? lastHiddenState : hiddenStates[index];
      expected[key].data.forEach((value, i) => assert.ok(Math.abs(actual.data[i] - value) <= 2e-4 + 1e-3 * Math.abs(value), `${key} ${i}`));
    }
    assert.ok(name !== 'model-no-pooler' || known.length > 0, String(Object.keys(expected)));
    await extract.dispose();
  });
}

test('a pooler is what the checkpoint has, also where it can be read only once', async () => {
  const stream = (bytes) =>
    new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        controller.close();
      },
    });
  for (const [all, hasPooler] of [
    [files(), true],
    [maskedFiles(96), false],
  ]) {
    const { 'model.safetensors': weights, ...rest } = all;
    const streams = Object.fromEntries(Object.entries(rest).map(([name, bytes]) => [name, new Blob([bytes])]));
    const model = await BeitModel.fromPretrained({ ...streams, 'model.safetensors': stream(weights) }, { engine, addPoolingLayer: 'auto' });
    assert.equal(model.hasPooler, hasPooler);
    assert.equal('poolerOutput' in (await model.forward({ pixelValues })), hasPooler);
    await model.dispose();
  }
});

test('a checkpoint that lacks more than a pooler is refused by all of it', async () => {
  const { used } = await engine.memory();
  const wide = { ...config, num_hidden_layers: 3 };
  const source = files({ 'config.json': new TextEncoder().encode(JSON.stringify(wide)) });
  const error = await rejects(pipeline('image-feature-extraction', source, { engine }), 'missing-tensor');
  assert.equal((await engine.memory()).used, used);
  assert.match(error.message, /layer\.2\.lambda_1/);
});

test('pipeline: of an image that a worker works on only the image and the result cross', async () => {
  const photo = readFileSync(join(root, 'demo/samples/harbour.jpg'));
  const calls = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, transfer) {
    if (message.type === 'call') calls.push(`${message.method} ${message.args[0]}`);
    return post.call(this, message, transfer);
  };
  try {
    for (const [task, options] of [
      ['image-classification', { topK: 3 }],
      ['image-segmentation', { scores: true, overlay: true }],
      ['image-feature-extraction', { output: 'tokens' }],
      ['image-feature-extraction', { output: -2 }],
      ['masked-image-modeling', { ratio: 0.3, seed: 5, logits: true }],
    ]) {
      const answers = [];
      for (const worker of [false, true]) {
        const source = task === 'masked-image-modeling' ? join(root, 'weights/embedded/masked-image-modeling') : null;
        const run = await pipeline(task, source, { worker, build: 'simd' });
        calls.length = 0;
        answers.push(await run(photo, options));
        assert.deepEqual(calls, worker ? [`run ${task}`] : []);
        await run.dispose();
      }
      assert.deepEqual(answers[1], answers[0], `${task} ${JSON.stringify(options)}`);
    }
  } finally {
    Worker.prototype.postMessage = post;
  }
});

test('features of length 1, and how alike two are', async () => {
  const extract = await pipeline('image-feature-extraction', files(), { engine });
  const [a, b] = await extract([picture, { width: 9, height: 7, channels: 3, data: new Uint8Array(189).fill(9) }]);
  const unit = await extract(picture, { normalize: true });
  const length = Math.hypot(...a.data);
  assert.deepEqual(unit.dims, a.dims);
  for (const [i, value] of unit.data.entries()) assert.ok(Math.abs(value - a.data[i] / length) < 1e-7);
  const tokens = await extract(picture, { output: 'tokens', normalize: true });
  const [rows, width] = tokens.dims;
  for (let row = 0; row < rows; ++row) assert.ok(Math.abs(Math.hypot(...tokens.data.subarray(row * width, (row + 1) * width)) - 1) < 1e-6);

  const cosine = a.data.reduce((sum, value, i) => sum + value * b.data[i], 0) / length / Math.hypot(...b.data);
  assert.ok(Math.abs(similarity(a, b) - cosine) < 1e-6);
  assert.ok(Math.abs(similarity(a, unit) - 1) < 1e-6);
  assert.equal(similarity([1, 2], new Float32Array([-2, 1])), 0);
  assert.equal(similarity([1, 2], [-1, -2]), -1);
  assert.equal(similarity([0, 0], [1, 2]), 0);
  assert.equal(similarity({ dims: [1, 2], data: new Float32Array([3, 0]) }, [5, 0]), 1);
  assert.throws(() => similarity([1, 2], [1]), { code: 'wrong-shape', message: /b: got 1 numbers, expected 2/ });
  assert.throws(() => similarity(tokens, a), { code: 'wrong-shape', message: /one vector/ });
  await extract.dispose();
});

test('a call that runs finishes before dispose(), whatever it is at', async () => {
  for (const images of [picture, [picture, picture], new Uint8Array(readFileSync(picture))]) {
    const classify = await pipeline('image-classification', files(), { engine });
    const expected = await classify(images);
    const call = classify(images);
    const disposed = classify.dispose();
    await rejects(classify(picture), 'disposed');
    assert.deepEqual(await call, expected);
    await disposed;
    assert.equal(classify.model.usable, false);
    await classify.dispose();
  }
});

test('`await using` waits until the memory is given back', async () => {
  const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
  const classify = await pipeline('image-classification', files(), { engine });
  const { used } = await engine.memory();
  await classify[asyncDispose]();
  assert.equal(classify.model.usable, false);
  assert.ok((await engine.memory()).used < used);
  const model = await BeitModel.fromPretrained(files(), { engine });
  await model[asyncDispose]();
  assert.equal(model.usable, false);
  assert.equal(typeof DalleTokenizer.prototype[asyncDispose], 'function');
});

test('the files of a processor and of a model are asked for at the same time, and what fails first ends the other', {
  timeout: 60_000,
}, async (t) => {
  const hub = await startHub(
    Object.fromEntries(Object.entries(files()).map(([name, bytes]) => [`owner/name/${name}`, Buffer.from(bytes)])),
  );
  afterwards(t, () => hub.close());
  let configAsked;
  const asked = new Promise((resolve) => {
    configAsked = resolve;
  });
  // The processor's file comes once the model's is asked for.
  const waiting = async (input, options) => {
    if (String(input).endsWith('/preprocessor_config.json')) await asked;
    else if (String(input).endsWith('/config.json')) configAsked();
    return fetch(input, options);
  };
  const options = { engine, host: hub.url, retry: { attempts: 0 } };
  const classify = await pipeline('image-classification', 'owner/name', { ...options, fetch: waiting });
  await classify.dispose();
  const { used } = await engine.memory();
  let ended;
  const silent = new Promise((resolve) => {
    ended = resolve;
  });
  let modelAsked;
  const both = new Promise((resolve) => {
    modelAsked = resolve;
  });
  // The processor's file is broken, and comes once the model's is asked for, which never comes.
  const failing = async (input, { signal, ...rest }) => {
    if (String(input).endsWith('/preprocessor_config.json')) {
      await both;
      return new Response('{"size": ', { status: 200 });
    }
    if (!String(input).endsWith('/config.json')) return fetch(input, { signal, ...rest });
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        ended();
        reject(signal.reason);
      });
      modelAsked();
    });
  };
  await rejects(pipeline('image-classification', 'owner/name', { ...options, fetch: failing }), 'truncated', /preprocessor_config|JSON/);
  await silent;
  assert.equal((await engine.memory()).used, used);
});
