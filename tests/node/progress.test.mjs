// Progress between threads: as much as can be followed, and never less than how a phase began and ended.
import assert from 'node:assert/strict';
import test from 'node:test';
import { LoadShare, partOf, thinned } from '../../dist/engine/progress.js';

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

test('the share of a load rises from 0 to 1, through files that are downloaded as wholes, too', () => {
  const streamed = new LoadShare();
  const shares = [
    streamed.after('config', 'config.json', 0, 0),
    streamed.after('index', 'a', 9, 0),
    streamed.after('weights', '', 0, 200),
    streamed.after('weights', 'a', 100, 200),
    streamed.after('weights', 'a', 200, 200),
    streamed.after('ready', '', 0, 0),
  ];
  assert.deepEqual(
    shares.map((share) => share.toFixed(3)),
    ['0.000', '0.010', '0.010', '0.500', '0.990', '1.000'],
  );

  const kept = new LoadShare();
  kept.expect(
    new Map([
      ['a', -1],
      ['b', -1],
    ]),
  );
  const downloads = [
    kept.after('download', 'a', 0, 10),
    kept.after('download', 'a', 10, 10),
    kept.after('download', 'b', 5, 10),
    kept.after('index', 'a', 9, 0),
    kept.after('download', 'b', 10, 10),
    kept.after('weights', '', 0, 8),
    kept.after('weights', 'b', 4, 8),
    kept.after('ready', '', 0, 0),
  ];
  assert.deepEqual(
    downloads.map((share) => share.toFixed(3)),
    ['0.010', '0.455', '0.677', '0.677', '0.900', '0.900', '0.945', '1.000'],
  );
  assert.equal(new LoadShare().after('download', 'a', 5, 0), 0.01, 'of an unknown size nothing is known');
});

test('of files that come at once each has its part by its bytes', () => {
  const shards = new LoadShare();
  const sizes = new Map([
    ['a', 100],
    ['b', 100],
    ['c', 200],
  ]);
  shards.expect(sizes, new Set(['b', 'c']));
  const shares = [
    shards.after('weights', '', 0, 40),
    shards.after('weights', 'a', 10, 40),
    shards.after('download', 'b', 100, 100),
    shards.after('download', 'c', 100, 200),
    shards.after('download', 'c', 200, 200),
    shards.after('weights', 'c', 40, 40),
  ];
  assert.deepEqual(
    shares.map((share) => share.toFixed(3)),
    ['0.010', '0.088', '0.311', '0.533', '0.756', '0.990'],
  );
});

test('of several loads in a row each is a part', () => {
  const told = [];
  partOf(({ share }) => told.push(share), 0.5, 1)({ phase: 'weights', share: 0.5 });
  assert.deepEqual(told, [0.75]);
  assert.equal(partOf(undefined, 0, 1), undefined);
});
