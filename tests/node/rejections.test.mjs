// Whatever an engine is called with, what it rejects with is a BeitError, or the reason of the caller's own signal.
import assert from 'node:assert/strict';
import test from 'node:test';
import { METHODS } from '../../dist/engine/methods.js';
import { BeitError, createEngine } from '../../dist/node.js';
import { afterwards } from './support.mjs';

const nothing = {
  label: 'nothing',
  describe: () => null,
  open: async () => {
    throw new RangeError('not here');
  },
};
const odd = {
  label: 'odd',
  describe: () => {
    throw new RangeError('not this way');
  },
  open: () => undefined,
};
const GIVEN = [
  [],
  [undefined, undefined, undefined, undefined],
  [null, null, null, null],
  [7, 7, 7, 7],
  ['x', 'y', 'z', 'w'],
  [{}, {}, {}, {}],
  [[], [], [], []],
  [() => undefined, () => undefined],
  [Symbol('s')],
  [nothing, {}, 'f32', {}],
  [odd, { className: 'auto' }, 'f32', {}],
  [nothing, { className: 'BeitModel', configJson: '{}' }, 'f32', { begin: 7 }],
  ['image-segmentation', { processor: 1, model: 2 }, { kind: 'raw' }, {}],
  ['no task', {}, {}, {}],
  [{ dims: [1, 2, 1, 1], data: Float32Array.of(1, 2) }, null, { scores: false, palette: [1] }],
  [{ dims: [1, 2, 1, 1], data: Float32Array.of(1, 2) }, null, { scores: false, palette: Uint32Array.of(1) }],
];

for (const worker of [false, true]) {
  test(`an engine ${worker ? 'in a worker' : 'in this thread'} rejects with BeitErrors only`, async (t) => {
    const engine = await createEngine({ worker, build: 'simd' });
    afterwards(t, () => engine.dispose());
    let rejected = 0;
    for (const method of Object.keys(METHODS)) {
      for (const [i, given] of GIVEN.entries()) {
        // A method gives a promise in any case: it never throws.
        const error = await engine[method](...given).then(
          () => null,
          (thrown) => thrown,
        );
        if (error === null) continue;
        ++rejected;
        assert.ok(error instanceof BeitError, `${method} ${i}: ${error?.stack ?? error}`);
        assert.match(error.message, /\S/, `${method} ${i}`);
      }
      const { call } = METHODS[method];
      if (call === undefined) continue;
      const reason = { why: 'enough' };
      const stopped = [...Array(call).fill(nothing), { signal: AbortSignal.abort(reason) }];
      const error = await engine[method](...stopped).then(
        () => null,
        (thrown) => thrown,
      );
      assert.ok(error === null || error === reason || error instanceof BeitError, `${method}: ${error}`);
    }
    assert.ok(rejected > 100, `${rejected} were rejected`);
    assert.equal(engine.usable, true, 'and it goes on');
    assert.ok((await engine.memory()).used > 0);
  });
}
