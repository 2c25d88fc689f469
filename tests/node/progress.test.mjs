// Progress between threads: as much as can be followed, and never less than how a phase began and ended.
import assert from 'node:assert/strict';
import test from 'node:test';
import { thinned } from '../../dist/engine/progress.js';

function listen() {
  let clock = 0;
  const told = [];
  const tell = thinned(
    ({ phase, file, loaded }) => told.push(`${phase} ${file} ${loaded}`),
    16,
    () => clock,
  );
  return {
    told,
    after: (milliseconds, phase, file, loaded, total = 100) => {
      clock += milliseconds;
      tell({ phase, file, loaded, total, tensors: 0 });
    },
  };
}

test('of much progress one in 16 ms is told, the first and the last always', () => {
  const { told, after } = listen();
  for (let loaded = 0; loaded <= 100; loaded += 10) after(5, 'weights', 'a', loaded);
  assert.deepEqual(told, ['weights a 0', 'weights a 40', 'weights a 80', 'weights a 100']);
});

test('what was held back is told before another phase or file', () => {
  const { told, after } = listen();
  after(1, 'download', 'a', 0, 0);
  after(1, 'download', 'a', 5, 0);
  after(1, 'download', 'a', 7, 0);
  after(1, 'download', 'b', 1, 0);
  after(1, 'weights', 'b', 1);
  assert.deepEqual(told, ['download a 0', 'download a 7', 'download b 1', 'weights b 1']);
});
