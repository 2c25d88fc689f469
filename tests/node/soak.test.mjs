// Short forms of what `npm run soak` does for hours.
import assert from 'node:assert/strict';
import test from 'node:test';
import { soakBatch } from '../soak/batch.mjs';
import { soakConnections } from '../soak/connections.mjs';
import { soakLoads } from '../soak/loads.mjs';
import { growth, slope } from '../soak/measure.mjs';
import { soakPipeline } from '../soak/pipeline.mjs';
import { soakQueue } from '../soak/queue.mjs';
import { noQueue } from './queue-server.mjs';

// What stands still is told by the soak itself; this ends what it does not see.
const LIMITED = { timeout: 240_000 };

test('pictures of all kinds leave nothing behind, and answers stay what they are', LIMITED, async () => {
  const { count, problems, faults } = await soakPipeline((done) => done >= 400, { first: 100, every: 100 });
  assert.deepEqual([count, problems], [400, []]);
  assert.match(faults, /^[1-9]/);
});

test('models that are disposed of leave no handle behind', LIMITED, async () => {
  const { problems } = await soakLoads((done) => done >= 24, { first: 8, every: 4 });
  assert.deepEqual(problems, []);
});

test('connections that are cut end in the right answer or a typed error', LIMITED, async () => {
  const { problems, faults } = await soakConnections((done) => done >= 12);
  assert.deepEqual(problems, []);
  assert.match(faults, /^[1-9]/);
});

test('a batch that is killed has every picture in one row', LIMITED, async () => {
  const { problems } = await soakBatch((done) => done >= 300, { size: 300, kills: 2, life: 1500 });
  assert.deepEqual(problems, []);
});

test('a queue under faults has every picture in one row of one shard, and tells which shard cannot be done', {
  ...LIMITED,
  skip: noQueue,
}, async () => {
  const faults = { workers: 2, kills: 2, restarts: 1, cut: 1000, full: 500, still: 60_000, poison: ['bug.img'], jumps: true };
  const { problems } = await soakQueue((done) => done >= 300, { size: 300, shardSize: 30, ...faults });
  assert.deepEqual(problems, []);
});

test('a slope is what is added for each one', () => {
  const samples = [3, 5, 9].map((count) => ({ count, bytes: 100 + 7 * count }));
  assert.ok(Math.abs(slope(samples, ({ bytes }) => bytes) - 7) < 1e-9);
});

test('what grows is a problem in a long run, but for what grows without the library', () => {
  const run = (rss, heap) =>
    Array.from({ length: 10 }, (_, i) => ({ count: 100 * (i + 1), rss: 5000 + 100 * i * rss, heap: 100 * i * heap }));
  const bounds = { least: 1000, rss: 500, heap: 20 };
  assert.deepEqual(growth(run(400, 10), bounds), []);
  assert.deepEqual(growth(run(1000, 10), bounds), ['resident memory grows by 1000 bytes each']);
  assert.deepEqual(growth(run(1000, 24), { ...bounds, beyond: run(600, 0) }), ['the heap grows by 24.00 bytes each']);
  assert.deepEqual(growth(run(1000, 24), { ...bounds, least: 1001 }), []);
});
