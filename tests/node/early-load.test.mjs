// A load that begins while its engine starts: what it asks its source for, and what becomes of that where either fails.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createEngine, settingsOf } from '../../dist/api/engines.js';
import { hostEngine } from '../../dist/engine/host.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { RemoteEngine } from '../../dist/engine/remote.js';
import { BeitError, BeitForImageClassification, pipeline } from '../../dist/node.js';
import { nodeHost } from '../../dist/platform/host-node.js';
import { FilesSource } from '../../dist/sources/memory.js';
import { channelEnds, rejects } from './support.mjs';
import { config, files, pixelValues } from './tiny-checkpoint.mjs';

const CLASS = 'BeitForImageClassification';

/** A source that notes which of its files are opened, and which are open. */
function watched(given = files(), kept = null) {
  const plain = new FilesSource(given, 'watched');
  const opened = [];
  const open = new Set();
  return {
    label: 'watched',
    kept,
    opened,
    open,
    /** Resolves once that many files have been opened. */
    async until(count) {
      while (opened.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    source: {
      label: 'watched',
      kept,
      describe: () => ({ kind: 'folder', label: 'watched', folder: '' }),
      async open(name, ...more) {
        opened.push(name);
        const file = await plain.open(name, ...more);
        open.add(name);
        const { close } = file;
        file.close = async () => {
          open.delete(name);
          await close.call(file);
        };
        return file;
      },
    },
  };
}

/** An engine at the other end of a channel in this thread, which starts when it is let: { engine, starting, start(), fail() }. */
function held(t, source) {
  const { create } = LocalEngine;
  let settle;
  const gate = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  t.mock.method(LocalEngine, 'create', async (...given) => {
    await gate;
    return create.apply(LocalEngine, given);
  });
  const ends = channelEnds();
  hostEngine(ends[0], nodeHost, () => source);
  let engine;
  const starting = RemoteEngine.create(settingsOf({ build: 'simd' }), ends[1], (begun) => {
    engine = begun;
  });
  starting.catch(() => undefined);
  return { engine, starting, start: settle.resolve, fail: settle.reject };
}

/** Resolves once nothing is open any more. */
async function untilClosed({ open }) {
  while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('config and weights are opened while the engine starts, each once', async (t) => {
  const of = watched();
  const { engine, starting, start } = held(t, of.source);
  const warnings = [];
  const loading = engine.loadModel(of.source, { className: CLASS }, { onWarning: (error) => warnings.push(error) });
  await of.until(2);
  assert.deepEqual(of.opened, ['config.json', 'model.safetensors']);
  start();
  assert.equal(await starting, engine);
  const { handle, config: fields } = await loading;
  assert.deepEqual(fields.id2label, ['cat', 'dog', 'owl']);
  assert.deepEqual([of.opened.length, of.open.size, warnings.length], [2, 0, 0]);
  const again = await engine.loadModel(of.source, { className: CLASS });
  assert.equal(of.opened.length, 4, 'with an engine a load opens what it needs by itself');
  for (const model of [handle, again.handle]) await engine.release(model);
});

test('what a load does not need is not opened before it asks', async (t) => {
  for (const [spec, expected] of [
    [{ className: CLASS, configJson: JSON.stringify(config) }, ['model.safetensors']],
    [{ className: 'auto' }, ['config.json']], // its class may have weights of another name
    [{ className: CLASS, weights: ['model.safetensors'] }, ['config.json', 'model.safetensors']],
  ]) {
    const of = watched();
    const { engine, start } = held(t, of.source);
    const loading = engine.loadModel(of.source, spec);
    await of.until(expected.length);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(of.opened, expected);
    start();
    await loading;
    assert.equal(of.open.size, 0);
    t.mock.restoreAll();
  }
});

test('weights that are to be kept in another form are opened early only where they are', async (t) => {
  for (const has of [true, false]) {
    let asked = 0;
    const find = async () => {
      ++asked;
      return has;
    };
    const of = watched(files(), { form: 'int8', find, keep: async () => undefined, leave: () => undefined });
    const { engine, start } = held(t, of.source);
    const loading = engine.loadModel(of.source, { className: CLASS });
    await of.until(has ? 2 : 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(of.opened, ['config.json', ...(has ? ['model.safetensors'] : [])]);
    start();
    await loading;
    assert.deepEqual([asked, of.open.size], [1, 0]);
    t.mock.restoreAll();
  }
});

test('a config that is none ends the load, closes the weights and leaves the engine', async (t) => {
  const of = watched({ ...files(), 'config.json': new TextEncoder().encode('{"hidden_size": 5, "num_attention_heads": 2}') });
  const { engine, starting, start } = held(t, of.source);
  const loading = engine.loadModel(of.source, { className: CLASS });
  await of.until(2);
  start();
  await starting;
  await rejects(loading, 'bad-config', /hidden_size|heads/);
  await untilClosed(of);
  assert.ok(engine.usable);
});

test('a failure of the early opening is that of the load', async (t) => {
  const { 'model.safetensors': _, ...rest } = files();
  const of = watched(rest);
  const { engine, starting, start } = held(t, of.source);
  const loading = engine.loadModel(of.source, { className: CLASS });
  await of.until(2);
  start();
  await starting;
  await rejects(loading, 'not-found', /has neither model\.safetensors/);
  await untilClosed(of);
  assert.ok(engine.usable);
});

test('an engine that does not start ends the load and closes its files', async (t) => {
  const of = watched();
  const { engine, starting, fail } = held(t, of.source);
  const loading = assert.rejects(engine.loadModel(of.source, { className: CLASS }), BeitError);
  await of.until(2);
  fail(new BeitError('unsupported', 'There is no engine for a test.'));
  await rejects(starting, 'unsupported', /no engine for a test/);
  await loading;
  await untilClosed(of);
});

test('a load that is stopped while the engine starts gives its reason, and closes its files', async (t) => {
  const of = watched();
  const { engine, starting, start } = held(t, of.source);
  const controller = new AbortController();
  const loading = engine.loadModel(of.source, { className: CLASS }, { signal: controller.signal });
  const reason = new Error('enough');
  const rejected = assert.rejects(loading, (error) => error === reason);
  await of.until(2);
  controller.abort(reason);
  start();
  await starting;
  await rejected;
  await untilClosed(of);
  assert.ok(engine.usable);
});

test('who loads is told why the engine does not start, in a worker as in this thread', async () => {
  const nowhere = new URL('nowhere/', import.meta.url);
  for (const worker of [true, false])
    for (const load of [
      (options) => BeitForImageClassification.fromPretrained(files(), options),
      (options) => pipeline('image-classification', files(), options),
    ])
      await rejects(load({ worker, build: 'simd', artefacts: nowhere }), 'not-found', /beit-simd\.js: the artefact cannot be loaded/);
});

test('a load that is stopped before its engine stands rejects at once, and the next one works', async () => {
  const of = watched();
  const source = { ...of.source, describe: () => null };
  const options = { worker: true, build: 'simd', maximumMemory: 2 ** 29 };
  for (const late of [false, true]) {
    const controller = new AbortController();
    const loading = BeitForImageClassification.fromPretrained(source, { ...options, signal: controller.signal });
    const rejected = assert.rejects(loading, { message: 'enough' });
    if (late) await of.until(1);
    controller.abort(new Error('enough'));
    await rejected;
    await untilClosed(of);
  }
  const model = await BeitForImageClassification.fromPretrained(source, options);
  assert.equal((await model.forward({ pixelValues })).logits.dims[1], 3);
  await model.dispose();
  await untilClosed(of);
});

test("an engine of the caller's is loaded into as before", async () => {
  const engine = await createEngine({ worker: true, build: 'simd' });
  const model = await BeitForImageClassification.fromPretrained(files(), { engine });
  assert.equal((await model.forward({ pixelValues })).logits.dims[1], 3);
  await model.dispose();
  assert.ok(engine.usable);
  await engine.dispose();
});
