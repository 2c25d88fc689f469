// train(): a small model on pictures of noise, that it may learn by heart.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createTrainingEngine } from '../../dist/api/engines.js';
import { pipeline, train } from '../../dist/node.js';
import { noise, smallFiles } from './small-checkpoint.mjs';
import { rejects, root, temporaryFolder } from './support.mjs';
import { maskedFiles } from './tiny-checkpoint.mjs';

const run = (options) => train({ model: smallFiles(), method: 'full', build: 'simd', worker: false, validation: 0, ...options });
const pictures = (count, label = (i) => ['cat', 'dog'][(i * i + (i >> 2)) % 2]) =>
  Array.from({ length: count }, (_, i) => ({ image: noise(i), label: label(i) }));

/** Returns a picture as the bytes of a file. */
const ppm = ({ width, height, data }) => Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), data]);

test('a model learns sixteen pictures by heart, whose labels are chance', async () => {
  const plain = { augment: 'none', smoothing: 0, dropPath: 0, layerDecay: 1 };
  for (const [method, rate] of [
    ['full', 2e-3],
    ['vectors', 2e-2],
  ]) {
    const learning = run({ data: pictures(16), method, rate, epochs: 100, batch: 16, ...plain });
    const losses = [];
    for await (const { loss, step } of learning) {
      losses.push(loss);
      assert.equal(step, losses.length);
    }
    assert.equal(losses.length, 100);
    assert.ok(losses[0] > 0.5, `${method}: ${losses[0]}`);
    assert.ok(losses.at(-1) < 0.01, `${method}: ${losses.at(-1)}`);
    await learning.dispose();
  }
});

test('a run that was interrupted goes on to the same bits', async () => {
  // All that is drawn by chance, and all that is kept from step to step.
  const options = {
    data: pictures(18).map(({ image, label }, i) => ({ image: i % 2 ? image : noise(i, 24), label })),
    validation: 0.25,
    epochs: 3,
    batch: 5,
    microBatch: 2,
    movingAverage: 0.9,
    mixup: 0.8,
    cutmix: 1,
    augment: 'strong',
    seed: 3,
  };
  const whole = run(options);
  const told = [];
  for await (const step of whole) told.push(step);
  const { stepsPerEpoch, steps, pictures: count, validation } = await whole.open();
  assert.deepEqual([count, validation, stepsPerEpoch, steps], [14, 4, 3, 9]);
  assert.deepEqual(
    told.map(({ validation: judged }) => judged !== null),
    [0, 0, 1, 0, 0, 1, 0, 0, 1].map(Boolean),
  );
  assert.ok(told.every(({ accuracy }) => accuracy === null));

  const first = run(options);
  for await (const { step } of first) if (step === 4) first.stop();
  const resumed = run({ data: options.data, validation: undefined, resume: await first.state() });
  assert.equal((await resumed.open()).resumedAt, 4);
  const rest = [];
  for await (const { picturesPerSecond, secondsLeft, ...step } of resumed) {
    assert.ok(picturesPerSecond > 0 && secondsLeft >= 0);
    rest.push(step);
  }
  const plain = ({ picturesPerSecond: _, secondsLeft: __, ...step }) => step;
  assert.deepEqual(rest, told.slice(4).map(plain));
  const [one, other] = [await whole.state(), await resumed.state()];
  for (const name of ['model.safetensors', 'optimizer.safetensors', 'config.json', 'trainer_state.json', 'README.md'])
    assert.ok(Buffer.from(one[name]).equals(Buffer.from(other[name])), name);
  for (const each of [whole, first, resumed]) await each.dispose();
});

test('a run that goes on has its own recipe and pictures, and is told of others', async (t) => {
  const data = pictures(12).map(({ image, label }, i) => ({ image: new File([ppm(image)], `${i}.ppm`), label }));
  const goOn = (resume, options) => run({ data, model: undefined, method: undefined, validation: undefined, resume, ...options });
  const begin = async (options) => {
    const first = run({ data, batch: 4, epochs: 2, head: 'new', ...options });
    const { validation } = await first.open();
    for await (const { step } of first) if (step === 1) first.stop();
    const state = await first.state();
    await first.dispose();
    return { state, validation };
  };
  const opens = async (expected, resume, options) => {
    const resumed = goOn(resume, options);
    const { pictures: learned, validation, resumedAt } = await resumed.open();
    assert.deepEqual([learned, validation, resumedAt], [...expected, 1]);
    await resumed.dispose();
  };
  const refuses = async (message, resume, options) => {
    const resumed = goOn(resume, options);
    await rejects(resumed.open(), 'invalid-argument', message);
    await resumed.dispose();
  };
  const bytes = data.map(({ label }, i) => ({ image: noise(i), label }));

  const { state, validation } = await begin({ validation: 0.5, microBatch: 6 });
  const half = [data.length - validation, validation];
  assert.ok(validation >= 5);
  await opens(half, state);
  await opens(half, state, { validation: 0.5, method: 'full', epochs: 2, batch: 4, microBatch: 6, head: 'new', dropPath: null });
  // What has no names is known by its labels.
  await opens(half, state, { data: bytes });
  for (const [options, message] of [
    [{ epochs: 3 }, /^epochs: got 3, expected 2, as the run has it\.$/],
    [{ method: 'vectors' }, /^method: got "vectors", expected "full"/],
    [{ head: 'keep' }, /^head: got "keep", expected "new"/],
    [{ clip: 0 }, /^clip: got 0, expected 1,/],
    [{ validation: 0 }, /^validation: got 0, expected 0\.5, the share that the run has set apart\.$/],
    [{ validation: bytes }, /^validation: got pictures, expected 0\.5/],
    [{ data: [...data, data[0]] }, /^data: got 13 pictures, expected the 12 that the run began with\.$/],
    [
      { data: data.map(({ image, label }, i) => ({ image: i === 3 ? new File([], 'x') : image, label })) },
      /^data: got other pictures, or these in another order, expected the 12/,
    ],
    [{ data: bytes.map(({ image }, i) => ({ image, label: i < 6 ? 'cat' : 'dog' })) }, /^data: got other pictures/],
  ])
    await refuses(message, state, options);

  // Of pictures that others judge, these may be learned from, too, once that is said.
  const others = bytes.slice(0, 4);
  const { state: judged } = await begin({ validation: others });
  await opens([12, 4], judged, { validation: others });
  await opens([16, 0], judged, { data: [...data, ...others], validation: 0 });
  await refuses(/^validation: got none, expected the pictures that the run is judged by\.$/, judged, {});
  await refuses(/^validation: got 0\.15, expected the pictures/, judged, { validation: 0.15 });
  await refuses(/^validation: got 3 pictures, expected the 4/, judged, { validation: others.slice(1) });
  await refuses(/^data: got 11 pictures, expected the 12/, judged, { validation: others, data: data.slice(1) });

  // States of before this was kept go on by what they are told; what was spoilt is told of.
  const recipe = JSON.parse(Buffer.from(state['training_recipe.json']));
  const told = (begun) => ({ ...state, 'training_recipe.json': Buffer.from(JSON.stringify({ ...recipe, begun })) });
  await opens(half, told(undefined), { validation: 0.5 });
  await opens([12, 0], told(undefined), { validation: 0 });
  const spoilt = goOn(told({ ...recipe.begun, data: 3 }));
  await rejects(spoilt.open(), 'malformed', /training_recipe\.json: it does not say which pictures the run began with/);
  await spoilt.dispose();
});

test('a state that breaks off is no state, also where there was one before', async (t) => {
  const folder = temporaryFolder(t);
  const learning = run({ data: pictures(8), batch: 4, epochs: 1 });
  for await (const { step } of learning) {
    if (step === 1) await learning.save(folder, { state: true });
    else {
      rmSync(join(folder, 'optimizer.safetensors'));
      mkdirSync(join(folder, 'optimizer.safetensors'));
      await rejects(learning.save(folder, { state: true }), 'io', /optimizer\.safetensors/);
    }
  }
  assert.ok(!existsSync(join(folder, 'trainer_state.json')));
  await learning.dispose();
});

test('a state stays until its weights are replaced, and goes with them', async (t) => {
  const folder = temporaryFolder(t);
  const data = pictures(8);
  const learning = run({ data, batch: 4, epochs: 2 });
  const goOn = () => run({ data, model: undefined, method: undefined, validation: undefined, resume: folder });
  const full = { create: () => ({ write: () => Promise.reject(new Error('the disk is full')), close() {}, abort() {} }) };
  for await (const { step } of learning) {
    if (step === 1) await learning.save(folder, { state: true });
    if (step === 2) {
      const removed = [];
      const remove = (name) => removed.push(name);
      await assert.rejects(learning.save({ ...full, remove }), /the disk is full/);
      await assert.rejects(learning.save({ ...full, remove }, { state: true }), /the disk is full/);
      assert.deepEqual(removed, []);
      const resumed = goOn();
      assert.equal((await resumed.open()).resumedAt, 1);
      await resumed.dispose();
    }
    if (step === 3) await learning.save(folder);
  }
  const resumed = goOn();
  await rejects(resumed.open(), 'not-found', /trainer_state\.json/);
  await resumed.dispose();
  await learning.dispose();
});

test('what is saved while a run learns is of one moment, and changes nothing', async () => {
  const options = { data: pictures(16), validation: 0.25, batch: 4, microBatch: 1, epochs: 2, movingAverage: 0.9 };
  const whole = run(options);
  const states = [await whole.state()];
  const told = [];
  const plain = ({ picturesPerSecond: _, secondsLeft: __, ...step }) => step;
  for await (const step of whole) {
    told.push(plain(step));
    states.push(await whole.state());
  }
  await whole.dispose();

  const learning = run(options);
  const steps = learning[Symbol.asyncIterator]();
  const saves = [];
  const ignored = { create: () => ({ write() {}, close() {}, abort() {} }) };
  await learning.open();
  for (let at = 0; at < told.length; ++at) {
    const next = steps.next();
    saves.push(learning.state(), learning.save(ignored));
    assert.deepEqual(plain((await next).value), told[at]);
  }
  const saved = (await Promise.all(saves)).filter((files) => files !== undefined);
  assert.equal(saved.length, told.length);
  for (const files of saved) {
    const at = JSON.parse(Buffer.from(files['trainer_state.json']).toString()).global_step;
    for (const [name, bytes] of Object.entries(states[at]))
      assert.ok(Buffer.from(bytes).equals(Buffer.from(files[name])), `${at}: ${name}`);
  }
  await learning.dispose();
});

test('two iterations of a run share its steps out', async () => {
  const options = { data: pictures(8), batch: 4, epochs: 3 };
  const [whole, shared] = [run(options), run(options)];
  for await (const step of whole) assert.ok(step);
  const numbers = [];
  const follow = async () => {
    for await (const { step } of shared) numbers.push(step);
  };
  await Promise.all([follow(), follow()]);
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6],
  );
  const [one, other] = [await whole.state(), await shared.state()];
  assert.ok(Buffer.from(one['model.safetensors']).equals(Buffer.from(other['model.safetensors'])));
  for (const each of [whole, shared]) await each.dispose();
});

test('a step whose judgement fails is not made twice, and is told when it is judged', async () => {
  const validation = [0, 1].map((i) => ({ image: noise(100 + i), label: 'cat' }));
  const options = { data: pictures(8), batch: 4, epochs: 2 };
  const whole = run({ ...options, validation });
  const told = [];
  for await (const { step, validation: judged } of whole) told.push([step, judged]);

  const broken = validation.map((one) => ({ ...one }));
  broken[1].image = new Uint8Array(9);
  const learning = run({ ...options, validation: broken });
  const seen = [];
  const follow = async () => {
    for await (const { step, validation: judged, secondsLeft, picturesPerSecond } of learning) {
      seen.push([step, judged]);
      assert.ok(secondsLeft >= 0 && picturesPerSecond >= 0);
    }
  };
  for (let i = 0; i < 3; ++i) await rejects(follow(), 'bad-image', /./);
  assert.deepEqual(seen, told.slice(0, 1));
  assert.equal(JSON.parse(Buffer.from((await learning.state())['trainer_state.json']).toString()).global_step, 2);
  broken[1].image = validation[1].image;
  await follow();
  assert.deepEqual(seen, told);
  const [one, other] = [await whole.state(), await learning.state()];
  for (const name of ['model.safetensors', 'optimizer.safetensors', 'trainer_state.json'])
    assert.ok(Buffer.from(one[name]).equals(Buffer.from(other[name])), name);
  for (const each of [whole, learning]) await each.dispose();
});

test('the time that is left is told by the steps of the loop that is running', async () => {
  const learning = run({ data: pictures(8), batch: 4, epochs: 50 });
  for await (const { step } of learning) if (step === 20) break;
  for await (const { step, steps, picturesPerSecond, secondsLeft } of learning) {
    const seconds = 4 / picturesPerSecond;
    assert.ok(Math.abs(secondsLeft / (seconds * (steps - step)) - 1) < 1e-9, `${secondsLeft} s after a step of ${seconds} s`);
    break;
  }
  await learning.dispose();
});

test('a value that half precision does not hold is refused, and named', async (t) => {
  const folder = temporaryFolder(t);
  const learning = run({ data: pictures(4), rate: 100, headRateFactor: 1e4, warmup: 0, epochs: 1, batch: 4, method: 'last:0' });
  for await (const { step } of learning) assert.equal(step, 1);
  await rejects(
    learning.save(folder, { dtype: 'f16' }),
    'invalid-argument',
    /^classifier\.\w+: got a value of -?[\d.]+, expected at most 65504/,
  );
  assert.deepEqual(readdirSync(folder), []);
  await learning.save(folder);
  await learning.dispose();
});

test('a run that is disposed of waits for nothing that is being opened', async () => {
  const asked = [];
  const fetch = (address) => new Promise(() => asked.push(address));
  for (const model of ['https://localhost/small/', undefined]) {
    const resume = model === undefined ? 'https://localhost/run/' : undefined;
    const learning = run({ model, resume, data: pictures(4), fetch, cache: false });
    const opened = learning.open();
    const ended = rejects(opened, 'disposed', /The run has been disposed of/);
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await learning.dispose();
    await ended;
    asked.length = 0;
  }
  const learning = run({ data: pictures(4) });
  await rejects(learning.save({ create() {} }, { states: true }), 'invalid-argument', /there is no option states/);
  await learning.dispose();
});

test('memory is told for the pictures to judge by, too, where more of these come at a time', async () => {
  const estimates = [];
  for (const count of [4, 32]) {
    const validation = Array.from({ length: count }, (_, i) => ({ image: noise(i), label: 'cat' }));
    const learning = run({ data: pictures(4), validation });
    estimates.push((await learning.open()).estimate);
    await learning.dispose();
  }
  // 28 pictures of 3 x 16 x 16 floats.
  assert.equal(estimates[1] - estimates[0], 28 * 3 * 16 * 16 * 4);
});

test('what frozen layers made of a picture is kept, and changes no bit', async () => {
  const validation = pictures(22).slice(18);
  for (const [options, once] of [
    [{ augment: 'none' }, true],
    [{ augment: 'strong', views: 2 }, false],
    [{ augment: 'light' }, false],
    [{ augment: 'none', mixup: 0.8 }, false],
  ]) {
    const results = [];
    for (const keepStates of [0, 1 << 20]) {
      const engine = await createTrainingEngine({ build: 'simd', worker: false });
      let sent = 0;
      // The same, but for what it keeps.
      const own = {
        openTrainer: (source, spec, call) => engine.openTrainer(source, { ...spec, keep: 0, keepStates }, call),
        train: (handle, what, settings, call) => {
          sent += settings?.examples?.filter(({ image }) => image).length ?? 0;
          return engine.train(handle, what, settings, call);
        },
      };
      const told = new Proxy(
        {},
        { get: (_, name) => own[name] ?? (typeof engine[name] === 'function' ? engine[name].bind(engine) : engine[name]) },
      );
      const learning = run({
        data: pictures(18),
        validation,
        method: 'last:1',
        epochs: 4,
        batch: 5,
        microBatch: 2,
        dropPath: 0.5,
        engine: told,
        ...options,
      });
      const losses = [];
      for await (const { loss, validation: judged } of learning) losses.push(loss, judged?.loss, judged?.accuracy);
      const { 'model.safetensors': weights } = await learning.state();
      results.push({ losses, weights, sent });
      await engine.dispose();
    }
    const [{ sent: all, ...without }, { sent, ...kept }] = results;
    assert.deepEqual(kept, without, JSON.stringify(options));
    assert.equal(all, 4 * (18 + 4));
    // What always looks the same is asked for once.
    assert.equal(sent, (once ? 18 : 4 * 18) + 4, JSON.stringify(options));
  }
});

test('two threads, and a worker thread, learn what one thread learns, to the last bit', async () => {
  for (const method of ['full', 'last:1']) {
    let first = null;
    for (const options of [
      { threads: 1, worker: false },
      { threads: 2, worker: false },
      { threads: 2, worker: true },
    ]) {
      const learning = run({
        data: pictures(12).map(({ image, label }) => ({ image: { ...image, data: image.data.slice() }, label })),
        validation: 0.3,
        method,
        epochs: 2,
        batch: 5,
        build: 'simd-threads',
        ...options,
      });
      const losses = [];
      for await (const { loss, validation } of learning) losses.push(loss, validation?.loss);
      const { 'model.safetensors': weights } = await learning.state();
      first ??= { losses, weights };
      assert.deepEqual({ losses, weights }, first, `${method} ${JSON.stringify(options)}`);
      await learning.dispose();
    }
  }
});

test('the model that is saved is the one that was judged', async (t) => {
  const folder = temporaryFolder(t);
  const data = pictures(20, (i) => `${i % 2 ? 'owl' : 'hare'}`);
  const validation = pictures(28, (i) => (i % 2 ? 'owl' : 'hare')).slice(20);
  const learning = run({ data, validation, epochs: 2, batch: 8, movingAverage: 0.5, rate: 1e-2 });
  const { head, labels, parameters, learning: count, estimate } = await learning.open();
  assert.deepEqual([head, labels, parameters === count], ['new', ['hare', 'owl'], true]);
  assert.ok(estimate > 20 * count && estimate < 20 * count + 8e6, String(estimate));
  let judged = null;
  for await (const { validation } of learning) judged = validation ?? judged;
  await learning.save(folder);
  await rejects(learning.save(folder, { state: true, dtype: 'f16' }), 'invalid-argument', /dtype: got "f16", expected "f32"/);
  await rejects(learning.save(folder, { dtype: 'int8' }), 'invalid-argument', /dtype: got "int8"/);
  await learning.dispose();
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).id2label, { 0: 'hare', 1: 'owl' });
  const classify = await pipeline('image-classification', folder, { build: 'simd' });
  let [right, loss] = [0, 0];
  for (const { image, label } of validation) {
    const answers = await classify(image, { topK: 2 });
    right += answers[0].label === label;
    loss -= Math.log(answers.find((answer) => answer.label === label).score) / validation.length;
  }
  assert.deepEqual([judged.pictures, judged.accuracy], [8, right / 8]);
  assert.ok(Math.abs(judged.loss - loss) < 1e-5, `${judged.loss} ${loss}`);
  await classify.dispose();
});

test('a checkpoint of masked images becomes a classifier with tables of its own', async () => {
  const table = { dims: [228, 2], data: Float32Array.from({ length: 456 }, (_, i) => Math.sin(i)) };
  const own = 'beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table';
  const layers = [0, 1].map((i) => own.replace('0', i));
  const model = maskedFiles(5, {
    config: { use_shared_relative_position_bias: true, use_relative_position_bias: false, image_size: 32 },
    tensors: {
      'beit.encoder.relative_position_bias.relative_position_bias_table': table,
      ...Object.fromEntries(layers.map((name) => [name, null])),
    },
  });
  const learning = run({ model, data: pictures(6, (i) => `${i % 2}`), rate: 0 });
  const { steps } = await learning.open();
  const { 'model.safetensors': weights, 'config.json': config } = await learning.state();
  assert.equal(steps, 10);
  const text = JSON.parse(Buffer.from(config).toString());
  assert.deepEqual([text.use_shared_relative_position_bias, text.use_relative_position_bias], [false, true]);
  const length = Number(Buffer.from(weights).readBigUInt64LE());
  const header = JSON.parse(Buffer.from(weights.subarray(8, 8 + length)).toString());
  for (const name of layers) {
    const [from, to] = header[name].data_offsets;
    assert.deepEqual(new Float32Array(weights.slice(8 + length + from, 8 + length + to).buffer), table.data);
  }
  await learning.dispose();
});

test('what no run can be made of is refused before the first step', async () => {
  const data = pictures(8);
  const cases = [
    [{ data: data.map(({ image }) => ({ image, label: 'cat' })) }, 'invalid-argument', /pictures of 1 labels/],
    [{ data: pictures(8, (i) => `cat ${'\ud83d\udc08'.slice(0, 1 + (i % 2))}`) }, 'invalid-argument', /^data\[0\]\.label: .*half a letter/],
    [{ data: pictures(8, (i) => `${i % 3}`), head: 'keep' }, 'invalid-argument', /head: got "keep" for pictures of other labels/],
    [{ data, method: 'half' }, 'invalid-argument', /method: got "half"/],
    [{ data, method: 'last:7' }, 'invalid-argument', /method: got "last:7", expected/],
    [{ data, batch: 0 }, 'invalid-argument', /batch: got 0/],
    [{ data, views: 0.5 }, 'invalid-argument', /views: got 0.5/],
    [{ data, rate: -1 }, 'bad-config', /rate: got -1/],
    [{ data, validation: 1 }, 'invalid-argument', /validation: got 1/],
    [{ data, validation: [{ image: noise(1), label: 'owl' }] }, 'invalid-argument', /a picture of owl/],
    [{ data, epoch: 3 }, 'invalid-argument', /there is no option epoch/],
    [{ data, model: join(root, 'weights/embedded/classifier'), head: 'new', maximumMemory: 24e6 }, 'out-of-memory', /needs \d+ bytes/],
  ];
  for (const [options, code, message] of cases) {
    const learning = run(options);
    await rejects(learning.open(), code, message);
    await learning.dispose();
  }
});

test('a state that is broken is refused at once, and leaves nothing in an engine of the caller', async () => {
  const engine = await createTrainingEngine({ build: 'simd', worker: false });
  const data = pictures(8);
  const first = run({ data, batch: 4, epochs: 1, engine });
  for await (const { step } of first) if (step === 1) first.stop();
  const files = await first.state();
  await first.dispose();
  const { used } = await engine.memory();
  const json = (name, change) => ({
    ...files,
    [name]: Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(files[name]).toString())))),
  });
  const recipe = (change) => json('training_recipe.json', change);
  const { 'optimizer.safetensors': _, ...without } = files;
  const cases = [
    [recipe(() => null), 'malformed', /training_recipe\.json: it does not say which checkpoint/],
    [recipe(({ base: _, ...rest }) => rest), 'malformed', /training_recipe\.json: it does not say which checkpoint/],
    [recipe((said) => ({ ...said, epochs: 0 })), 'malformed', /epochs in .*training_recipe\.json: got 0, expected a whole number/],
    [recipe(({ method: _, ...rest }) => rest), 'malformed', /method in .*training_recipe\.json: got undefined/],
    [json('trainer_state.json', () => null), 'malformed', /trainer_state\.json: it does not say how many steps/],
    [json('trainer_state.json', (said) => ({ ...said, log_history: [null] })), 'malformed', /trainer_state\.json/],
    // These fail when the trainer is there.
    [without, 'not-found', /optimizer\.safetensors/],
    [{ ...files, 'optimizer.safetensors': files['model.safetensors'] }, 'missing-tensor', /optimizer\.safetensors: got no /],
  ];
  for (const [resume, code, message] of cases) {
    const resumed = run({ data, model: undefined, method: undefined, resume, engine });
    await rejects(resumed.open(), code, message);
    await resumed.dispose();
    assert.equal((await engine.memory()).used, used, String(message));
  }
  const resumed = run({ data, model: undefined, method: undefined, resume: files, engine });
  assert.equal((await resumed.open()).resumedAt, 1);
  await resumed.dispose();
  assert.equal((await engine.memory()).used, used);
  await engine.dispose();
});

test('a run takes the memory that was told', async () => {
  for (const method of ['full', 'vectors', 'last:2']) {
    const engine = await createTrainingEngine({ build: 'simd', worker: false });
    const { used } = await engine.memory();
    const data = pictures(9, (i) => `${i % 2}`);
    const learning = run({ model: join(root, 'weights/embedded/classifier'), data, validation: 0.2, method, epochs: 1, batch: 8, engine });
    const { estimate } = await learning.open();
    for await (const { step } of learning) assert.equal(step, 1);
    // What was told has been taken at once, so that the peak is no less.
    const { peak } = await engine.memory();
    assert.ok(peak - used < 1.1 * estimate, `${method}: ${peak - used} bytes, told ${estimate}`);
    await learning.dispose();
    await engine.dispose();
  }
});

test('an abort ends a run with its reason, and a batch of broken pictures with their error', async () => {
  const controller = new AbortController();
  const learning = run({ data: pictures(8), epochs: 50, batch: 4, signal: controller.signal });
  let steps = 0;
  const reason = new Error('enough');
  await assert.rejects(async () => {
    for await (const { step } of learning) if ((steps = step) === 3) controller.abort(reason);
  }, reason);
  assert.equal(steps, 3);
  await learning.dispose();
  const broken = run({ data: [...pictures(3), { image: new Uint8Array(9), label: 'dog' }], head: 'keep' });
  await rejects(broken[Symbol.asyncIterator]().next(), 'bad-image', /./);
  await broken.dispose();
});
