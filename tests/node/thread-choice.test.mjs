import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { RemoteEngine } from '../../dist/engine/remote.js';
import { BeitForImageClassification, createEngine } from '../../dist/node.js';
import { FolderSource } from '../../dist/sources/folder-node.js';
import { candidates, describe, enough, measure, ThreadChoice } from '../../dist/engine/thread-choice.js';
import { hostEngine } from '../../dist/engine/host.js';
import { channelEnds } from './support.mjs';

const CLASSIFIER = fileURLToPath(new URL('../../weights/embedded/classifier', import.meta.url));
const NODE = { kind: 'node', cores: 4, mayBlock: true };

/** Times of a machine that runs so many threads at once, the rest in turns and with some loss. */
const machine = (cores) => (threads) => 8 / Math.min(threads, cores) + 0.3 * Math.max(0, threads - cores);

const figuresOf = (times) => Object.entries(times).map(([threads, milliseconds]) => ({ threads: Number(threads), milliseconds }));

test('compares 1, 2, 4, … and the most', () => {
  assert.deepEqual([1, 2, 3, 6, 8].map(candidates), [[1], [1, 2], [1, 2, 3], [1, 2, 4, 6], [1, 2, 4, 8]]);
});

test('as many are enough as there are processors', () => {
  for (const cores of [1, 2, 4, 8]) {
    assert.equal(enough(measure(8, machine(cores), () => 0)), cores);
  }
});

test('more threads must be faster by more than a seventh', () => {
  assert.equal(enough(figuresOf({ 1: 10, 2: 5, 4: 4.5, 8: 4.4 })), 2);
  assert.equal(enough(figuresOf({ 1: 10, 2: 5, 4: 4.5, 8: 4.2 })), 8);
  assert.equal(enough(figuresOf({ 1: 10, 2: 5, 4: 4, 8: 5 })), 4);
  assert.equal(enough(figuresOf({ 1: 1, 2: 1 })), 1);
  assert.equal(enough(figuresOf({ 1: 0, 2: 0 })), 1, 'a clock that stands still');
});

test('a trial asks for each number once, and tells nothing where its time is up before', () => {
  for (const [milliseconds, expected] of [
    [10, [1, 2, 4, 8]],
    [26, [1, 2, 4, 8]],
    [27, [1, 2, 4]],
    [200, [1]],
  ]) {
    let time = 0;
    const asked = [];
    const figures = measure(
      8,
      (threads) => {
        asked.push(threads);
        time += milliseconds;
        return asked.length;
      },
      () => time,
    );
    assert.deepEqual(asked, expected);
    assert.deepEqual(figures, expected.length === 4 ? figuresOf({ 1: 1, 2: 2, 4: 3, 8: 4 }) : null);
  }
});

test('says what it measured', () => {
  assert.equal(
    describe(figuresOf({ 1: 0.75, 2: 0.4, 4: 0.412 })),
    'A trial found 2 threads to be enough: a product took 0.75 ms with one, 0.40 ms with 2 and 0.41 ms with 4.',
  );
  assert.equal(
    describe(figuresOf({ 1: 1, 2: 1.5 })),
    'A trial found one thread to be enough: a product took 1.00 ms with one and 1.50 ms with 2.',
  );
});

/** Returns a choice that has held its first three trials, on a machine and with a clock that the caller turns. */
function settled(cores) {
  const now = { time: 0 };
  const choice = new ThreadChoice(8, () => now.time);
  for (let i = 0; i < 3; ++i) choice.decide(machine(cores));
  return { choice, now };
}

const dueAfter = (choice, passes) => passes.map((milliseconds) => choice.passed(1, 100, milliseconds));

test('is due after the first pass, half a second after a change, and else after twice as long each time, at last once a minute', () => {
  let time = 0;
  const choice = new ThreadChoice(8, () => time);
  const waits = [],
    numbers = [];
  for (let last = 0; waits.length < 18; time += 500) {
    if (!choice.passed(1, 100, 20)) continue;
    waits.push((time - last) / 1000);
    last = time;
    choice.decide(machine(waits.length < 12 ? 2 : 8));
    numbers.push(choice.threads);
  }
  assert.deepEqual(waits, [0, 1, 2, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 0.5, 1, 2, 4, 8, 16]);
  assert.deepEqual(numbers, [8, 8, ...Array(9).fill(2), ...Array(7).fill(8)]);
});

test('three passes in a row that were slower, or faster, make what was found out of date, two seconds after a trial', () => {
  for (const milliseconds of [40, 10]) {
    const { choice, now } = settled(8);
    const passes = [20, 200, 20, 28, 27, 16, 15, 300, 20, milliseconds, milliseconds, 20, milliseconds, milliseconds, milliseconds];
    const trials = [];
    // Until trials are rare.
    for (; trials.length < 6; now.time += 100) {
      if (!choice.passed(1, 100, 20)) continue;
      trials.push(now.time);
      choice.decide(machine(8));
    }
    now.time += 1800;
    assert.equal(dueAfter(choice, passes).includes(true), false, 'too soon');
    now.time += 100;
    assert.deepEqual(dueAfter(choice, passes), [...Array(14).fill(false), true]);
    for (const expected of [8, 8, 2]) {
      choice.decide(machine(2));
      assert.equal(choice.threads, expected);
    }
    assert.equal(enough(choice.figures), 2);
  }
});

test('passes of another size or of another model are not held against each other', () => {
  const { choice, now } = settled(8);
  now.time += 700;
  for (let i = 0; i < 8; ++i) {
    for (let pass = 0; pass < 4; ++pass)
      assert.equal(choice.passed(1, 100 + i, 20 * (i + 1)) || choice.passed(2 + i, 100, 500 / (i + 1)), false);
  }
  choice.forget(9);
  for (let pass = 0; pass < 4; ++pass) assert.equal(choice.passed(9, 100, 5), false);
});

test('more threads work after one trial, fewer after three', () => {
  const choice = new ThreadChoice(8, () => 0);
  const numbers = [1, 2, 1, 4, 1, 1, 1, 8, 2, 2, 2].map((cores) => {
    choice.decide(machine(cores));
    assert.equal(choice.figures === null ? 8 : enough(choice.figures), choice.threads);
    return choice.threads;
  });
  assert.deepEqual(numbers, [8, 8, 2, 4, 4, 4, 1, 8, 8, 8, 2]);
  const whole = new ThreadChoice(8, () => 0);
  whole.decide(machine(8));
  assert.equal(enough(whole.figures), 8);
});

test('a trial that fails or tells nothing changes nothing, and the next one waits', () => {
  const { choice, now } = settled(2);
  const { figures } = choice;
  assert.throws(
    () =>
      choice.decide(() => {
        throw new Error('no memory');
      }),
    /no memory/,
  );
  choice.decide((threads) => {
    now.time += 100;
    return 10 / threads;
  });
  assert.equal(choice.threads, 2);
  assert.deepEqual(choice.figures, figures);
  now.time += 700;
  assert.equal(choice.passed(1, 100, 20), false);
});

const input = (size) => ({
  pixelValues: { dims: [1, 3, size, size], data: Float32Array.from({ length: 3 * size * size }, (_, i) => Math.sin(i / 37)) },
});
const load = (engine) => BeitForImageClassification.fromPretrained(CLASSIFIER, { engine });
const FOUND =
  /\. A trial found (one thread|[24] threads) to be enough: a product took [\d.]+ ms with one, [\d.]+ ms with 2 and [\d.]+ ms with 4\.$/;

/** Puts `times` in place of what the core of an engine measures; records the limits that it sets. */
function measured(engine, times) {
  const { core } = engine;
  const limits = [];
  engine.core = Object.assign(Object.create(core), {
    timeThreads: (threads) => ({ ok: true, value: times(threads) }),
    limitThreads: (threads) => {
      limits.push(threads);
      core.limitThreads(threads);
    },
  });
  return limits;
}

test('an engine holds trials after passes, lets as many work, says so, and answers the same', async () => {
  const fixed = await LocalEngine.create(settingsOf({ threads: 4 }), NODE, false);
  const expected = (await (await load(fixed)).forward(input(96))).logits.data;
  await fixed.dispose();
  const engine = await LocalEngine.create(settingsOf({}), NODE, false);
  let cores = 1;
  const limits = measured(engine, (threads) => machine(cores)(threads));
  const told = [];
  engine.onInfo = (info) => told.push(info);
  const passes = [];
  engine.choice.passed = (_, size, milliseconds) => passes.push([size, milliseconds]) !== 4;
  const model = await load(engine);
  const { info } = engine;
  assert.equal(info.threads, 4);
  const after = async (count) => {
    const answers = await Promise.all(Array.from({ length: count }, () => model.forward(input(96))));
    for (const { logits } of answers) assert.deepEqual(logits.data, expected);
    await engine.queue.run(async () => undefined); // the trial's turn comes first
    return limits.at(-1);
  };
  assert.equal(await after(2), 4);
  assert.deepEqual(told, []);
  assert.equal(engine.info, info);
  assert.equal(await after(1), 1);
  assert.match(model.runtimeInfo().reason, /^One thread with /);
  assert.match(model.runtimeInfo().reason, FOUND);
  cores = 2;
  assert.equal(await after(1), 1);
  assert.equal(limits.length, 3, 'none was due');
  assert.equal(await after(1), 2);
  assert.match(model.runtimeInfo().reason, /^2 threads with /);
  assert.deepEqual(
    told.map(({ threads }) => threads),
    [1, 2],
  );
  assert.equal(told.at(-1), engine.info);
  assert.deepEqual(limits, [4, 4, 1, 2]);
  assert.deepEqual(
    passes.map(([size, milliseconds]) => [size, milliseconds > 0]),
    Array(5).fill([3 * 96 * 96, true]),
  );
  await engine.dispose();
});

test('a trial without memory leaves all as it was', async () => {
  const engine = await LocalEngine.create(settingsOf({}), NODE, false);
  const { info } = engine;
  let asked = 0;
  engine.core = Object.assign(Object.create(engine.core), {
    timeThreads: () => {
      ++asked;
      return {
        ok: false,
        error: { code: 'out-of-memory', message: 'There is no memory for a trial of threads.', where: 'a trial of threads' },
      };
    },
  });
  const model = await load(engine);
  for (let i = 0; i < 3; ++i) assert.equal((await model.forward(input(96))).logits.dims[0], 1);
  assert.equal(asked, 1);
  assert.equal(engine.info, info);
  await engine.dispose();
});

test('an engine that ends while a trial waits for its turn holds none', async () => {
  const engine = await LocalEngine.create(settingsOf({}), NODE, false);
  const limits = measured(engine, machine(1));
  const model = await load(engine);
  await model.forward(input(96));
  await engine.dispose();
  assert.deepEqual(limits, []);
});

test('an engine in a worker tells what its trials have found', async (t) => {
  const create = LocalEngine.create;
  t.mock.method(LocalEngine, 'create', async (...settings) => {
    const engine = await create.apply(LocalEngine, settings);
    measured(engine, machine(2));
    engine.choice.passed = () => true;
    return engine;
  });
  const ends = channelEnds();
  hostEngine(
    ends[0],
    () => NODE,
    (description) => new FolderSource(description),
  );
  const engine = await RemoteEngine.create(settingsOf({}), ends[1]);
  const model = await load(engine);
  assert.equal(engine.info.threads, 4);
  for (let i = 0; i < 4; ++i) await model.forward(input(96)); // and a trial before each but the first
  assert.equal(engine.info.threads, 2);
  assert.match(model.runtimeInfo().reason, FOUND);
  assert.equal(model.runtimeInfo().worker, true);
  await engine.dispose();
});

test('real trials, in this thread and in a worker', async () => {
  for (const worker of [false, true]) {
    const engine = await createEngine({ worker });
    const most = engine.info.threads;
    const model = await load(engine);
    const answers = [];
    for (const end = performance.now() + 2500; performance.now() < end; ) answers.push((await model.forward(input(96))).logits.data);
    const { threads, reason } = engine.info;
    assert.ok(candidates(most).includes(threads));
    // On a machine that is too busy they tell nothing.
    if (threads < most) assert.match(reason, / A trial found .* to be enough: a product took /);
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    await engine.dispose();
  }
});

test('where there is nothing to choose there is no trial', async () => {
  for (const [settings, cores] of [
    [{ threads: 2 }, 4],
    [{}, 1],
    [{ build: 'simd' }, 4],
  ]) {
    const engine = await LocalEngine.create(settingsOf(settings), { ...NODE, cores }, false);
    const limits = measured(engine, () => assert.fail('a trial was held'));
    const { info } = engine;
    const model = await load(engine);
    await model.forward(input(96));
    assert.equal(engine.info, info);
    assert.deepEqual(limits, []);
    await engine.dispose();
  }
});
