// Turns: one at a time, by priority, and out of the queue on abort.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { TurnQueue, whenAborted } from '../../dist/base/scheduling.js';
import { BeitForImageClassification, createEngine, pipeline } from '../../dist/node.js';
import { rejects, root } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

test('tasks run one at a time, the more important first, equals in order', async () => {
  const queue = new TurnQueue();
  const order = [];
  let running = 0;
  const task = (name) => async () => {
    assert.equal(++running, 1);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
    --running;
    order.push(name);
    return name;
  };
  const names = [
    ['first', 0],
    ['batch 1', -1],
    ['batch 2', -1],
    ['call 1', 0],
    ['urgent', 5],
    ['call 2', 0],
  ];
  const results = await Promise.all(names.map(([name, priority]) => queue.run(task(name), null, priority)));
  assert.deepEqual(order, ['first', 'urgent', 'call 1', 'call 2', 'batch 1', 'batch 2']);
  assert.deepEqual(
    results,
    names.map(([name]) => name),
  );
});

test('a task that fails does not hold the next up, and one that is aborted leaves at once', async () => {
  const queue = new TurnQueue();
  const controller = new AbortController();
  let finish;
  const first = queue.run(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  const aborted = queue.run(() => assert.fail('it ran'), controller.signal);
  const failing = queue.run(async () => {
    throw new Error('broken');
  });
  const last = queue.run(async () => 'last');
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  finish('first');
  assert.equal(await first, 'first');
  await assert.rejects(failing, /broken/);
  assert.equal(await last, 'last');
  await assert.rejects(
    queue.run(() => assert.fail('it ran'), AbortSignal.abort(new Error('before'))),
    /before/,
  );
});

for (const worker of [false, true]) {
  test(`a pass of higher priority overtakes a batch${worker ? ' in a worker' : ''}`, async () => {
    const engine = await createEngine({ build: 'simd', worker });
    const model = await BeitForImageClassification.fromPretrained(files(), { engine });
    const order = [];
    // Long enough for the call to reach a worker of a machine that does other work before all are done.
    const many = { dims: [4000, 3, 8, 8], data: new Float32Array(4000 * 192) };
    const pass = (name, inputs, priority) => model.forward({ pixelValues: inputs }, { priority }).then(() => order.push(name));
    const batch = Array.from({ length: 8 }, (_, i) => pass(`batch ${i}`, many, -1));
    await Promise.all([...batch, pass('call', pixelValues, 1)]);
    // Not the very next where it takes its way to the worker, but long before its turn.
    assert.ok(order.indexOf('call') < (worker ? 7 : 2), order.join(', '));
    assert.deepEqual(
      order.filter((name) => name !== 'call'),
      batch.map((_, i) => `batch ${i}`),
    );
    await rejects(model.forward({ pixelValues }, { priority: NaN }), 'invalid-argument', /priority/);
    // What has been asked for is done before the memory goes.
    const late = model.forward({ pixelValues }, { priority: -1 });
    await model.dispose();
    assert.deepEqual((await late).logits.dims, [1, 3]);
    await engine.dispose();
  });
}

test('what is called at an abort is called once, unless it was taken back, and leaves no listener', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called = [];
  const forget = [0, 1, 2].map((i) => whenAborted(signal, () => called.push(i)));
  whenAborted(signal, () => forget[3]());
  forget.push(whenAborted(signal, () => called.push(3)));
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  forget[1]();
  forget[1]();
  controller.abort();
  assert.deepEqual(called, [0, 2]);
  for (const each of forget) each();
  const other = new AbortController();
  const [first, second] = [whenAborted(other.signal, () => called.push(4)), whenAborted(other.signal, () => called.push(5))];
  first();
  first();
  assert.equal(getEventListeners(other.signal, 'abort').length, 1);
  second();
  assert.equal(getEventListeners(other.signal, 'abort').length, 0);
  whenAborted(other.signal, () => called.push(6));
  first();
  second();
  other.abort();
  assert.deepEqual(called, [0, 2, 6]);
  whenAborted(null, () => called.push(7))();
});

test('one signal stops as many calls as there are, without a warning of Node', async () => {
  const warnings = [];
  const onWarning = (warning) => warnings.push(String(warning));
  process.on('warning', onWarning);
  const engine = await createEngine({ build: 'simd', worker: true });
  const classify = await pipeline('image-classification', files(), { engine });
  const { signal } = new AbortController();
  const picture = { width: 9, height: 7, channels: 3, data: new Uint8Array(189) };
  await Promise.all(Array.from({ length: 20 }, () => classify(picture, { signal })));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  const stopped = new AbortController();
  const calls = Array.from({ length: 20 }, () => classify(picture, { signal: stopped.signal }));
  stopped.abort(new Error('enough'));
  for (const { reason } of await Promise.allSettled(calls)) assert.equal(reason, stopped.signal.reason);
  await engine.dispose();
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('what was transferred before is refused, and does not wait for ever', async () => {
  const engine = await createEngine({ build: 'simd', worker: true });
  const classify = await pipeline('image-classification', files(), { engine });
  const bytes = new Uint8Array(readFileSync(join(root, 'tests/fixtures/images/rgb.png')));
  const [first, second] = await Promise.allSettled([classify(bytes, { transfer: true }), classify(bytes, { transfer: true })]);
  assert.equal(first.status, 'fulfilled');
  assert.equal(second.reason?.code, 'invalid-argument');
  assert.match(second.reason.message, /handed over before/);
  await rejects(classify(bytes, { transfer: true }), 'invalid-argument', /handed over before/);
  await engine.dispose();
});

test('what is transferred is gone here, and what is not stays', async () => {
  const engine = await createEngine({ build: 'simd', worker: true });
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  const mine = { dims: pixelValues.dims, data: pixelValues.data.slice() };
  const { logits } = await model.forward({ pixelValues: mine });
  assert.equal(mine.data.length, 192);
  assert.deepEqual((await model.forward({ pixelValues: mine }, { transfer: true })).logits, logits);
  assert.equal(mine.data.length, 0);
  await engine.dispose();
});
