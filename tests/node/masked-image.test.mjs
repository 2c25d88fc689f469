// The pipeline for masked images: what it hides, predicts, and holds against a tokenizer.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { blockMask, createEngine, DalleTokenizer, pipeline, softmax } from '../../dist/node.js';
import { fileServer, golden, rejects, root, serve } from './support.mjs';
import { files, maskedFiles } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const picture = join(root, 'tests/fixtures/images/rgb.png');
const dvae = join(golden, 'dvae/dvae-tiny');
const VOCAB = 96; // dvae-tiny's codebook

test('tokens and probabilities are those of the logits, of the masked patches and of all', async () => {
  const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine });
  const found = await run(picture, { ratio: 0.3, seed: 5, logits: true });
  const mask = blockMask({ height: 8, width: 8, ratio: 0.3, seed: 5 });
  assert.deepEqual(found.mask, mask);
  assert.deepEqual(found.logits.dims, [64, VOCAB]);
  const { pixelValues } = await run.processor.preprocess(picture);
  const own = await run.model.forward({ pixelValues, boolMaskedPos: { dims: [1, 64], data: mask.data } });
  assert.deepEqual(found.logits.data, own.logits.data);
  for (let patch = 0; patch < 64; ++patch) {
    const shares = softmax(own.logits.data.subarray(patch * VOCAB, (patch + 1) * VOCAB));
    const best = shares.indexOf(Math.max(...shares));
    assert.equal(found.tokens.data[patch], best);
    assert.ok(Math.abs(found.probabilities[patch] - shares[best]) < 1e-6);
  }
  const hidden = [...mask.data.keys()].filter((patch) => mask.data[patch]);
  assert.deepEqual(
    found.predictions.map(({ patch }) => patch),
    hidden,
  );
  for (const { patch, token, probability } of found.predictions) {
    assert.deepEqual([token, probability], [found.tokens.data[patch], found.probabilities[patch]]);
  }
  assert.deepEqual(Object.keys(found).sort(), ['logits', 'mask', 'maskedImage', 'predictions', 'probabilities', 'tokens']);
  assert.deepEqual(Object.keys(await run(picture)).sort(), ['mask', 'maskedImage', 'predictions', 'probabilities', 'tokens']);
  await run.dispose();
});

test("the masked image is the model's view of it, grey where hidden", async () => {
  const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine, tokenizer: null });
  assert.equal(run.tokenizer, null);
  const image = { width: 32, height: 32, channels: 3, data: Uint8Array.from({ length: 3072 }, (_, i) => (i * 7) % 100) };
  const { maskedImage, mask } = await run(image, { seed: 1 });
  assert.deepEqual([maskedImage.width, maskedImage.height, maskedImage.channels], [32, 32, 3]);
  maskedImage.data.forEach((sample, i) => {
    const [x, y] = [Math.floor(i / 3) % 32, Math.floor(i / 96)];
    assert.equal(sample, mask.data[(y >> 2) * 8 + (x >> 2)] ? 128 : image.data[i]);
  });
  await run.dispose();
});

test("the user's own mask is what is hidden", async () => {
  const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine });
  const mask = { height: 8, width: 8, data: Uint8Array.from({ length: 64 }, (_, i) => (i === 5 || i === 60 ? 255 : 0)) };
  const found = await run(picture, { mask });
  assert.deepEqual(
    found.predictions.map(({ patch }) => patch),
    [5, 60],
  );
  assert.deepEqual([found.mask.data[5], found.mask.data[6]], [1, 0]);
  await rejects(run(picture, { mask: { ...mask, height: 4 } }), 'invalid-argument', /mask: got 4 x 8 patches, expected 8 x 8/);
  await rejects(run(picture, { mask: { ...mask, data: mask.data.subarray(1) } }), 'wrong-shape', /63 bytes/);
  await rejects(run(picture, { mask: { ...mask, data: [...mask.data] } }), 'wrong-type', /mask\.data/);
  await rejects(run(picture, { mask, ratio: 0.5 }), 'invalid-argument', /ratio as well/);
  await rejects(run(picture, { ratio: 2 }), 'invalid-argument', /ratio/);
  await run.dispose();
});

test('with a tokenizer: true tokens, accuracy and pictures', async () => {
  const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine });
  assert.equal(tokenizer.vocabSize, VOCAB);
  const truth = await tokenizer.encode(picture, { size: { height: 64, width: 64 } });
  // A head that always says the token that is most frequent in this picture is right that often.
  const counts = new Map();
  for (const token of truth.data) counts.set(token, (counts.get(token) ?? 0) + 1);
  const [[frequent]] = [...counts].sort(([, a], [, b]) => b - a);
  const bias = new Float32Array(VOCAB);
  bias[frequent] = 100;
  const source = maskedFiles(VOCAB, { tensors: { 'lm_head.bias': { dims: [VOCAB], data: bias } } });
  const shares = [];
  const owner = await pipeline('masked-image-modeling', source, { engine, tokenizer: dvae, onProgress: ({ share }) => shares.push(share) });
  await owner.dispose();
  assert.deepEqual(
    shares,
    [...shares].sort((a, b) => a - b),
    'of three loads in a row',
  );
  assert.equal(shares.at(-1), 1);
  const run = await pipeline('masked-image-modeling', source, { engine, tokenizer });
  assert.equal(run.tokenizer, tokenizer);
  const found = await run(picture, { ratio: 0.6, seed: 3 });
  assert.deepEqual(found.trueTokens, truth);
  assert.ok(found.tokens.data.every((token) => token === frequent));
  const right = found.predictions.filter(({ patch }) => truth.data[patch] === frequent).length;
  assert.ok(right > 0 && right < found.predictions.length, `${right} of ${found.predictions.length}`);
  assert.equal(found.accuracy, right / found.predictions.length);
  assert.ok(found.predictions.every(({ patch, trueToken }) => trueToken === truth.data[patch]));
  assert.deepEqual(found.tokenizerReconstruction, await tokenizer.decode(truth));
  const mixed = truth.data.map((token, patch) => (found.mask.data[patch] ? frequent : token));
  assert.deepEqual(found.reconstruction, await tokenizer.decode({ height: 8, width: 8, data: mixed }));
  assert.notDeepEqual(found.reconstruction, found.tokenizerReconstruction);

  const none = await run(picture, { ratio: 0 });
  assert.deepEqual([none.predictions.length, none.accuracy], [0, null]);
  assert.deepEqual(none.reconstruction, none.tokenizerReconstruction);
  const bare = await run(picture, { ratio: 1, pictures: false });
  assert.deepEqual([bare.predictions.length, bare.reconstruction, bare.tokenizerReconstruction], [64, undefined, undefined]);
  await run.dispose();
  await tokenizer.encode(picture); // the owner's still
  await tokenizer.dispose();
});

test('the tokenizer sees what the processor leaves of the image', async () => {
  const source = maskedFiles(VOCAB, {
    processor: { size: { height: 48, width: 64 }, crop_size: { height: 32, width: 32 }, do_center_crop: true },
  });
  const run = await pipeline('masked-image-modeling', source, { engine, tokenizer: { encoder: dvae, decoder: dvae } });
  const { trueTokens } = await run(picture, { pictures: false });
  const expected = await run.tokenizer.encode(picture, { size: { height: 96, width: 128 }, crop: { height: 64, width: 64 } });
  assert.deepEqual(trueTokens, expected);
  assert.notDeepEqual(trueTokens, await run.tokenizer.encode(picture, { size: { height: 64, width: 64 } }));
  const { tokenizer } = run;
  await run.dispose();
  await rejects(tokenizer.encode(picture), 'disposed');
});

test('the tokenizer sees the same where the processor goes by the shortest edge', async () => {
  const wide = { width: 90, height: 60, channels: 3, data: Uint8Array.from({ length: 16200 }, (_, i) => (i * 7) % 256) };
  const upright = { ...wide, width: 60, height: 90 };
  const source = maskedFiles(VOCAB, {
    processor: { size: { shortest_edge: 48 }, crop_size: { height: 32, width: 32 }, do_center_crop: true },
  });
  const run = await pipeline('masked-image-modeling', source, { engine, tokenizer: dvae });
  for (const [image, size] of [
    [wide, { height: 96, width: 144 }],
    [upright, { height: 144, width: 96 }],
  ]) {
    const { trueTokens } = await run(image, { pictures: false });
    assert.deepEqual(trueTokens, await run.tokenizer.encode(image, { size, crop: { height: 64, width: 64 } }));
  }
  await run.dispose();
});

test('a mean and a deviation that are one number are those of all channels', async () => {
  const shown = async (processor) => {
    const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB, { processor }), { engine });
    const { maskedImage } = await run(picture);
    await run.dispose();
    return maskedImage;
  };
  assert.deepEqual(
    await shown({ do_normalize: true, image_mean: 0.4, image_std: [0.6] }),
    await shown({ do_normalize: true, image_mean: [0.4, 0.4, 0.4], image_std: [0.6, 0.6, 0.6] }),
  );
});

test('an image behind a URL is fetched once', async (t) => {
  const { base, requests } = await serve(t, fileServer({ 'rgb.png': readFileSync(picture), 'not.png': Buffer.from('nonsense') }));
  const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine, tokenizer: dvae });
  const { accuracy } = await run(`${base}rgb.png`, { pictures: false });
  assert.ok(accuracy >= 0);
  assert.equal(requests.length, 1);
  await rejects(run(`${base}not.png`), 'bad-image', /not\.png/);
  await run.dispose();
});

test('an image that is handed over to a worker is read twice all the same, and gone then', async () => {
  const own = await createEngine({ build: 'simd', worker: true });
  const run = await pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine: own, tokenizer: dvae });
  const image = () => ({ width: 9, height: 8, channels: 3, data: Uint8Array.from({ length: 216 }, (_, i) => i) });
  const expected = await run(image());
  const given = image();
  assert.deepEqual(await run(given, { transfer: true }), expected);
  assert.equal(given.data.length, 0);
  await run.dispose();
  await own.dispose();
});

test('what does not fit together is refused, and nothing stays behind', async () => {
  const { used } = await engine.memory();
  await rejects(
    pipeline('masked-image-modeling', maskedFiles(97), { engine, tokenizer: dvae }),
    'wrong-shape',
    /tokenizer: got a codebook of 96 tokens, expected 97/,
  );
  await rejects(pipeline('masked-image-modeling', maskedFiles(VOCAB), { engine, tokenizer: join(golden, 'images') }), 'not-found');
  await rejects(pipeline('masked-image-modeling', files(), { engine, tokenizer: dvae }), 'missing-tensor', /lm_head/);
  await rejects(
    pipeline('masked-image-modeling', null, { engine }),
    'invalid-argument',
    /there is none for masked-image-modeling in beit-wasm-samples; there is a small one in the repository/,
  );
  assert.equal((await engine.memory()).used, used);
});

test('without a mask token nothing can be hidden, and the sentence says so', async () => {
  const source = maskedFiles(VOCAB, { tensors: { 'beit.embeddings.mask_token': null }, config: { use_mask_token: false } });
  const run = await pipeline('masked-image-modeling', source, { engine });
  assert.equal((await run(picture, { ratio: 0 })).predictions.length, 0);
  await rejects(run(picture), 'invalid-argument', /mask/);
  await run.dispose();
});
