// The life of a model of the demo page: choices that come faster than checkpoints can be loaded and given back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model } from '../../demo/models/model.js';

/** A model whose checkpoints take some turns to load and to give back; `alive` are those not given back. */
function slowModel() {
  const alive = new Set();
  const turns = async (count) => {
    for (let i = 0; i < count; ++i) await new Promise(setImmediate);
  };
  const model = new Model({
    task: 'be chosen',
    settings: { options: {} },
    async open(source, { signal }) {
      await turns(3);
      signal.throwIfAborted();
      const use = { source, dispose: () => turns(2).then(() => alive.delete(use)) };
      alive.add(use);
      return use;
    },
  });
  return { model, alive, turns };
}

const chosen = (source) => ({ source, name: source });

for (const pause of [0, 1, 2, 3, 4, 5, 6, 8]) {
  test(`of choices ${pause} turns apart the last one is loaded, and only that`, async () => {
    const { model, alive, turns } = slowModel();
    await model.load();
    const choices = [];
    for (const source of ['a', 'b', 'c']) {
      choices.push(model.choose(chosen(source)));
      await turns(pause);
    }
    choices.push(model.restart());
    await Promise.all(choices);
    assert.equal(model.state.kind, 'ready');
    assert.equal(model.state.use.source, 'c');
    assert.deepEqual([...alive], [model.state.use]);
  });
}

test('what is released while it loads is not there, and can be loaded again', async () => {
  const { model, alive } = slowModel();
  const loading = model.load();
  await model.release();
  await loading;
  assert.equal(model.state.kind, 'idle');
  assert.equal(alive.size, 0);
  await model.load();
  assert.equal(model.state.kind, 'ready');
});
