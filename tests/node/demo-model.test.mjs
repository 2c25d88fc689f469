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

/** A model that is ready when it is told to be; `opened` are the signals of its loads. */
function awaitedModel() {
  const opened = [];
  let now;
  const model = new Model({
    task: 'be needed',
    settings: { options: {} },
    open(source, { signal, onProgress }) {
      opened.push(signal);
      return new Promise((resolve, reject) => {
        now = { tell: onProgress, arrive: () => resolve({ dispose: async () => undefined }) };
        signal.addEventListener('abort', () => setTimeout(reject, 5, signal.reason)); // giving back takes a while
      });
    },
  });
  return { model, opened, tell: (progress) => now.tell(progress), arrive: () => now.arrive() };
}

test('what another model needs tells it of its progress, and is stopped with it', async () => {
  const { model, opened, tell, arrive } = awaitedModel();
  const shares = [];
  const need = ({ signal }) => model.loadFor({ signal, onProgress: ({ share }) => shares.push(share) });
  const first = new AbortController();
  const needed = need(first);
  tell({ share: 0.5 });
  first.abort(new Error('Cancelled.'));
  await assert.rejects(needed, /Cancelled/);
  assert.deepEqual(shares, [0.5]);
  assert.deepEqual(
    opened.map(({ aborted }) => aborted),
    [true],
  );
  // Needed again while the one that was stopped is still being given back, it is loaded anew.
  const again = need(new AbortController());
  while (opened.length < 2) await new Promise(setImmediate);
  tell({ share: 0.7 });
  arrive();
  await again;
  assert.equal(model.state.kind, 'ready');
  assert.deepEqual(shares, [0.5, 0.7]);
});

test('what was loading before another model needed it goes on without that', async () => {
  const { model, opened, arrive } = awaitedModel();
  const loading = model.load();
  const other = new AbortController();
  const needed = model.loadFor({ signal: other.signal });
  other.abort(new Error('Cancelled.'));
  await assert.rejects(needed, /Cancelled/);
  assert.equal(opened[0].aborted, false);
  arrive();
  await loading;
  assert.equal(model.state.kind, 'ready');
});
