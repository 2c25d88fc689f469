// beit batch --queue and beit worker: what is lost of workers that are killed and of a queue that is started again, and shards that fail.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';
import { QueueEvents } from 'bullmq';
import * as beit from '../../dist/node.js';
import { openJob } from '../../packages/beit-wasm-batch/index.js';
import { workplace as plainWorkplace } from './batch-workplace.mjs';
import { commandFor, freePort, noQueue, queueFor } from './queue-server.mjs';
import { afterwards, batchWords } from './support.mjs';

// No test waits for ever for a command that does not end.
const LIMITED = { skip: noQueue, timeout: 180_000 };

const until = async (condition) => {
  for (let turn = 0; turn < 600 && !condition(); ++turn) await sleep(50);
  assert.ok(condition(), String(condition));
};

/** The same with a list of `count` pictures. */
function workplace(t, count) {
  const place = plainWorkplace(t);
  const names = Array.from({ length: count }, (_, i) => place.names[i % place.names.length]);
  const list = join(place.folder, 'list.txt');
  writeFileSync(list, names.join('\n'));
  return { ...place, names, list };
}

function rowsOf(output) {
  return readdirSync(output)
    .filter((name) => /^\d.*\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => readFileSync(join(output, name), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line));
}

test('workers that are killed and a queue that is started again lose nothing, and do nothing twice', LIMITED, async (t) => {
  const { model, names, list, output } = workplace(t, 300);
  const queue = await queueFor(t);
  const words = [...batchWords({ model, list, output }), '--queue', queue.address];
  const workerWords = ['worker', '--queue', queue.address, '--engines', '1', '--lock', '1'];
  const producer = commandFor(t, words);
  const first = commandFor(t, workerWords);
  await until(() => first.events.some(({ event }) => event === 'shard'));
  first.child.kill('SIGKILL');
  const second = commandFor(t, workerWords);
  await until(() => second.events.some(({ event }) => event === 'shard'));
  await queue.restart();
  commandFor(t, workerWords);
  second.child.kill('SIGTERM');
  const { status, complaint } = await producer.ended;
  assert.equal((await second.ended).status, 0);
  assert.equal(status, 0, complaint);
  assert.deepEqual(
    rowsOf(output).map(({ path }) => path),
    names,
  );
  assert.equal(producer.events.at(-1).done, 300);
  // What is finished is not queued again.
  const again = commandFor(t, [...words, '--resume']);
  assert.equal((await again.ended).status, 0);
  assert.equal(again.events[0].shards, 0);
});

test(
  'shards that cannot be done end in the failed list with their reason, and are tried again when they are asked for',
  LIMITED,
  async (t) => {
    const { model, names, list, output } = workplace(t, 20);
    const queue = await queueFor(t);
    const words = [...batchWords({ model, list, output }), '--queue', queue.address];
    const queued = commandFor(t, [...words, '--no-wait']);
    assert.equal((await queued.ended).status, 0);
    assert.equal(queued.events.at(-1).shards, 2);
    const weights = join(model, 'model.safetensors');
    const bytes = readFileSync(weights);
    writeFileSync(
      weights,
      bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
    );
    const port = await freePort();
    const worker = commandFor(t, ['worker', '--queue', queue.address, '--engines', '1', '--metrics', String(port)]);
    await until(() => worker.events.filter(({ event, attempt }) => event === 'failed' && attempt === 3).length === 2);
    assert.match(worker.events.at(-1).reason, /this machine has another model/);
    const figures = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(figures, /^bullmq_job_count\{queue="beit-batch", state="failed"\} 2$/m);
    // Beside it a machine that has the model would go on: here it is this one.
    writeFileSync(weights, bytes);
    const again = commandFor(t, words);
    const { status, complaint } = await again.ended;
    assert.equal(status, 0, complaint);
    assert.deepEqual(
      rowsOf(output).map(({ path }) => path),
      names,
    );
    worker.child.kill('SIGINT');
    assert.equal((await worker.ended).status, 0);
  },
);

test('a batch counts the pictures that failed also where no worker has answered', LIMITED, async (t) => {
  const { model, list, names, output } = workplace(t, 20);
  writeFileSync(names[0], 'no picture');
  const queue = await queueFor(t);
  const producer = commandFor(t, [...batchWords({ model, list, output }), '--queue', queue.address]);
  await until(() => producer.events.some(({ event }) => event === 'queued'));
  // A worker that was killed before it could tell.
  const job = await openJob(beit, { task: 'classify', model, output, options: { topK: 5 }, engines: 1 });
  afterwards(t, () => job.dispose());
  const counts = [];
  for (const shard of job.shardsOf(names, 10)) counts.push((await job.write(shard)).errors);
  const failed = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(failed > 1);
  const { status, complaint } = await producer.ended;
  assert.deepEqual([status, complaint], [1, '']);
  assert.equal(producer.events.at(-1).errors, failed);
  // One that takes the shard again, and finds it there, tells the same.
  const events = new QueueEvents('beit-batch', { connection: { url: queue.address } });
  afterwards(t, () => events.close());
  await events.waitUntilReady();
  const answers = [];
  events.on('completed', ({ returnvalue }) => answers.push(returnvalue.errors));
  commandFor(t, ['worker', '--queue', queue.address, '--engines', '1']);
  await until(() => answers.length === counts.length);
  assert.deepEqual(answers, counts);
});

test('a queue is told of, paused, drained, and missed where it is not', LIMITED, async (t) => {
  const { folder, model, names, list, output } = workplace(t, 20);
  const queue = await queueFor(t);
  const control = async (action, ...more) => {
    const { events, ended } = commandFor(t, ['queue', action, '--queue', queue.address, '--json', ...more]);
    assert.deepEqual(await ended, { status: 0, complaint: '' });
    return events[0];
  };
  const facts = { paused: false, waiting: 0, active: 0, workers: 0, failed: 0, failures: [] };
  const words = [...batchWords({ model, list, output }), '--queue', queue.address];
  assert.deepEqual(await control('pause'), { ...facts, paused: true });
  const producer = commandFor(t, words);
  await until(() => producer.events.some(({ event }) => event === 'queued'));
  assert.deepEqual(await control('status'), { ...facts, paused: true, waiting: 2 });
  // The same pictures into another folder are shards of their own.
  const other = [...batchWords({ model, list, output: join(folder, 'other') }), '--queue', queue.address, '--no-wait'];
  assert.equal((await commandFor(t, other).ended).status, 0);
  assert.deepEqual(await control('status'), { ...facts, paused: true, waiting: 4 });
  const worker = commandFor(t, ['worker', '--queue', queue.address, '--engines', '1']);
  await until(() => worker.events.length > 0);
  assert.deepEqual(await control('drain'), { ...facts, paused: true, workers: 1 });
  producer.child.kill('SIGKILL');
  assert.deepEqual(await control('resume'), { ...facts, workers: 1 });
  const { status, complaint } = await commandFor(t, [...words, '--resume']).ended;
  assert.equal(status, 0, complaint);
  assert.equal(rowsOf(output).length, names.length);
  await queue.stop();
  await until(() => worker.events.some(({ event, reason }) => event === 'waiting' && /cannot be reached/.test(reason)));
  const away = await commandFor(t, ['queue', 'status', '--queue', queue.address]).ended;
  assert.equal(away.status, 2);
  assert.match(away.complaint, /^beit: redis:\/\/127\.0\.0\.1:\d+: the queue cannot be reached \(connect ECONNREFUSED [^\n]*\)\.\n$/);
});
