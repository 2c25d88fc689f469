// train() of masked images: a tiny model and tokenizer on pictures of noise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForMaskedImageModeling, BeitImageProcessor, createEngine, DalleTokenizer, train } from '../../dist/node.js';
import { noise } from './small-checkpoint.mjs';
import { afterwards, golden, rejects, root, temporaryFolder } from './support.mjs';
import { files, maskedFiles } from './tiny-checkpoint.mjs';

const tokenizer = join(golden, 'dvae/dvae-tiny');
const VOCAB = 96; // dvae-tiny's codebook
const model = maskedFiles(VOCAB);
const pictures = (count) => Array.from({ length: count }, (_, i) => noise(i, 24 + (i % 3)));
const run = (options) =>
  train({ task: 'mim', model, tokenizer, method: 'full', build: 'simd', worker: false, data: pictures(8), validation: 0, ...options });

test('the loss is that of the model on the tokens of the tokenizer, learned and judged', async (t) => {
  const engine = await createEngine({ build: 'simd', worker: false });
  afterwards(t, () => engine.dispose());
  const [first, second] = [pictures(5).slice(0, 3), pictures(5).slice(3)];
  const tokens = await DalleTokenizer.fromPretrained(tokenizer, { engine });
  const processor = await BeitImageProcessor.fromPretrained(model, { engine });
  const masked = await BeitForMaskedImageModeling.fromPretrained(model, { engine });
  const expected = async (images) => {
    const { pixelValues } = await processor.preprocess(images);
    const ids = [];
    for (const image of images) ids.push(...(await tokens.encode(image, { size: { height: 64, width: 64 } })).data);
    const { loss, logits } = await masked.forward({
      pixelValues,
      boolMaskedPos: { dims: [images.length, 64], data: new Uint8Array(images.length * 64).fill(1) },
      labels: { dims: [ids.length], data: Int32Array.from(ids) },
    });
    const best = (row) => row.indexOf(Math.max(...row));
    const right = ids.filter((id, i) => best(logits.data.subarray(i * VOCAB, (i + 1) * VOCAB)) === id).length;
    return { loss: loss.data[0], accuracy: right / ids.length };
  };
  // All is hidden, nothing moves: the second list is judged by the model that the first was learned from.
  const plain = { augment: 'none', dropPath: 0, rate: 0, maskRatio: 1, epochs: 1 };
  const learning = run({ ...plain, data: first, validation: second, microBatch: 2 });
  for await (const { loss, accuracy, validation } of learning) {
    for (const [told, images] of [
      [{ loss, accuracy }, first],
      [validation, second],
    ]) {
      const right = await expected(images);
      assert.ok(Math.abs(told.loss - right.loss) < 1e-5 * right.loss, `${told.loss} ${right.loss}`);
      assert.equal(told.accuracy, right.accuracy);
    }
    assert.equal(validation.pictures, 2);
  }
  await learning.dispose();
});

test('a model learns the tokens of a few pictures, and is saved as what it was', async (t) => {
  const folder = temporaryFolder(t);
  const learning = run({ rate: 2e-2, epochs: 40, batch: 8, augment: 'light', schedule: 'constant' });
  const { labels, head, steps, pictures: count, estimate } = await learning.open();
  assert.deepEqual([labels, head, steps, count], [[], 'keep', 40, 8]);
  assert.ok(estimate > 4e6 && estimate < 12e6, String(estimate)); // a pass of the tokenizer, most of it
  const losses = [];
  for await (const { loss, accuracy } of learning) {
    losses.push(loss);
    assert.ok(accuracy >= 0 && accuracy <= 1);
  }
  assert.ok(losses.at(-1) < losses[0] - 0.5, `${losses[0]} ${losses.at(-1)}`);
  await learning.save(folder);
  await learning.dispose();
  const {
    architectures,
    vocab_size: vocab,
    use_mask_token: token,
    id2label,
  } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  assert.deepEqual([architectures, vocab, token, id2label], [['BeitForMaskedImageModeling'], VOCAB, true, undefined]);
  const saved = await BeitForMaskedImageModeling.fromPretrained(folder, { build: 'simd' });
  assert.deepEqual(saved.loading.unexpected, []);
  await saved.dispose();
});

test('tables that all layers share stay shared', async () => {
  const table = { dims: [228, 2], data: Float32Array.from({ length: 456 }, (_, i) => Math.sin(i)) };
  const shared = 'beit.encoder.relative_position_bias.relative_position_bias_table';
  const own = [0, 1].map((i) => `beit.encoder.layer.${i}.attention.attention.relative_position_bias.relative_position_bias_table`);
  const learning = run({
    model: maskedFiles(VOCAB, {
      config: { use_shared_relative_position_bias: true, use_relative_position_bias: false, image_size: 32 },
      tensors: { [shared]: table, ...Object.fromEntries(own.map((name) => [name, null])) },
    }),
    epochs: 1,
    method: 'last:1',
  });
  for await (const { step } of learning) assert.equal(step, 1);
  const { 'model.safetensors': weights, 'config.json': config } = await learning.state();
  assert.equal(JSON.parse(Buffer.from(config)).use_shared_relative_position_bias, true);
  const length = Number(Buffer.from(weights).readBigUInt64LE());
  const names = Object.keys(JSON.parse(Buffer.from(weights.subarray(8, 8 + length))));
  assert.ok(names.includes(shared) && own.every((name) => !names.includes(name)));
  await learning.dispose();
});

test('a run that was interrupted goes on to the same bits', async () => {
  const options = { data: pictures(14), validation: 0.25, epochs: 3, batch: 4, microBatch: 3, movingAverage: 0.9, dropPath: 0.3, seed: 3 };
  const whole = run(options);
  const told = [];
  for await (const step of whole) told.push(step);
  const { stepsPerEpoch, pictures: count, validation } = await whole.open();
  assert.deepEqual([count, validation, stepsPerEpoch, told.length], [10, 4, 3, 9]);
  assert.deepEqual(
    told.map(({ validation: judged }) => judged !== null),
    [0, 0, 1, 0, 0, 1, 0, 0, 1].map(Boolean),
  );
  // Chance hides and frames otherwise in each epoch.
  assert.equal(new Set(told.map(({ loss }) => loss)).size, 9);

  const first = run(options);
  for await (const { step } of first) if (step === 4) first.stop();
  const resumed = run({ data: options.data, validation: undefined, resume: await first.state() });
  assert.equal((await resumed.open()).resumedAt, 4);
  const plain = ({ picturesPerSecond: _, secondsLeft: __, ...step }) => step;
  const rest = [];
  for await (const step of resumed) rest.push(plain(step));
  assert.deepEqual(rest, told.slice(4).map(plain));
  const [one, other] = [await whole.state(), await resumed.state()];
  for (const name of Object.keys(one)) assert.ok(Buffer.from(one[name]).equals(Buffer.from(other[name])), name);
  const state = JSON.parse(Buffer.from(one['trainer_state.json']));
  assert.equal(state.best_metric, Math.min(...state.log_history.flatMap(({ eval_loss: loss = [] }) => loss)));

  const labelled = ['cat', 'dog'].map((label, i) => ({ image: noise(i), label }));
  const classifier = train({ data: labelled, method: 'full', resume: await first.state(), build: 'simd', worker: false });
  await rejects(classifier.open(), 'invalid-argument', /task: got classification, expected mim, as the run has it/);
  for (const each of [whole, first, resumed, classifier]) await each.dispose();
});

test('what does not fit is refused before the first step', async () => {
  const cases = [
    [{ model: maskedFiles(11) }, 'wrong-shape', /tokenizer: got a codebook of 96 tokens, expected 11, as the model predicts/],
    [{ model: files() }, 'invalid-argument', /model: got a checkpoint of BeitForImageClassification, expected one of BeitForMaskedImage/],
    [{ model: undefined }, 'invalid-argument', /model: got none/],
    [{ tokenizer: undefined }, 'invalid-argument', /tokenizer/],
    [{ tokenizer: join(root, 'weights/embedded/classifier') }, 'not-found', /encoder/],
    [{ data: [] }, 'invalid-argument', /data: got no pictures/],
    [{ mixup: 0.8 }, 'invalid-argument', /mixup: got 0.8, expected none for masked images/],
    [{ maskRatio: 0 }, 'invalid-argument', /maskRatio: got 0/],
    [{ task: 'masked' }, 'invalid-argument', /task: got "masked", expected "classification" or "mim"/],
  ];
  for (const [options, code, message] of cases) {
    const learning = run(options);
    await rejects(learning.open(), code, message);
    await learning.dispose();
  }
});
