/** Shards on a queue in Redis or Valkey, by BullMQ: who cuts them, and the machines that take them. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { pictureNames } from './inputs.js';
import { openJob } from './job.js';
import { openMetrics } from './metrics.js';
import { Progress } from './progress.js';

const NAME = 'beit-batch';
const ATTEMPTS = 3;
const BACKOFF_MS = 1000;
// A worker that does not renew its lock for so long is gone, and its shard comes back.
const LOCK_SECONDS = 30;
// A shard that ends its process each time is not taken for ever.
const MOST_STALLS = 10;
const POLL_MS = 500;
const CLOSE_LIMIT_MS = 5000;
const MOST_RECONNECT_MS = 5000;
const ADDED_AT_ONCE = 100;

/** Returns what makes connections, of which BullMQ closes none that it is given, and what ends them all. */
function connector(address) {
  const made = [];
  const open = () => {
    made.push(connect(address));
    return made.at(-1);
  };
  return { open, closeAll: () => made.forEach((connection) => connection.disconnect()) };
}

function connect(address) {
  const connection = new Redis(address, { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(times * 100, MOST_RECONNECT_MS) });
  // It connects again by itself; what waits for it goes on then.
  connection.on('error', () => undefined);
  return connection;
}

const quiet = (emitter) => emitter.on('error', () => undefined);
const idOf = ({ name }) => name.replace(/\.\w+$/, '');
const absolute = (name) => (/^https?:/i.test(name) ? name : resolve(name));
// What is no path of this machine may be a name of the hub.
const absoluteModel = (name) => (name && existsSync(name) ? resolve(name) : (name ?? null));

/**
 * Cuts a batch into shards, puts those that are not finished on the queue, and waits until all are written or have failed;
 * without `wait` it returns at once. Returns the exit status.
 */
export async function enqueueBatch(beit, given, { print = console.log, terminal = process.stderr } = {}) {
  const { input, shardSize = 2000, resume = false, queue: address, wait = true } = given;
  const output = resolve(given.output);
  const job = await openJob(beit, { ...given, output });
  const shards = job.shardsOf((await pictureNames(beit, input)).map(absolute), shardSize);
  const finished = job.finished(shards);
  if (finished.size > 0 && !resume)
    throw new beit.BeitError(
      'invalid-argument',
      `${output}: ${finished.size} of ${shards.length} shards are finished; expected --resume.`,
      {
        where: output,
      },
    );
  const open = shards.filter(({ name }) => !finished.has(name));
  const { task, format, options } = job.facts;
  const spec = { task, format, options, model: absoluteModel(given.modelName), output, sum: job.facts.sum };
  const connections = connector(address);
  const queue = quiet(new Queue(NAME, { connection: connections.open() }));
  const events = quiet(new QueueEvents(NAME, { connection: connections.open() }));
  const progress = new Progress(
    open.reduce((sum, { pictures }) => sum + pictures.length, 0),
    { terminal, print },
  );
  try {
    const ours = new Map(open.map((shard) => [idOf(shard), shard]));
    // One that failed before is tried again; one that is on the queue already stays the only one.
    for (const failed of await queue.getFailed()) if (ours.has(failed.id)) await failed.remove();
    const how = { attempts: ATTEMPTS, backoff: { type: 'exponential', delay: BACKOFF_MS }, removeOnComplete: true };
    for (let from = 0; from < open.length; from += ADDED_AT_ONCE) {
      const some = open.slice(from, from + ADDED_AT_ONCE);
      await queue.addBulk(some.map((shard) => ({ name: task, data: { spec, shard }, opts: { ...how, jobId: idOf(shard) } })));
    }
    progress.event('queued', { shards: open.length, finished: finished.size });
    if (!wait) return 0;
    events.on('completed', ({ jobId, returnvalue }) => {
      if (ours.has(jobId)) progress.errors += returnvalue?.errors ?? 0;
    });
    const failed = new Map();
    while (ours.size > 0) {
      await sleep(POLL_MS);
      for (const [id, { name, pictures }] of ours) {
        if (!existsSync(join(output, name))) continue;
        ours.delete(id);
        progress.advance(pictures.length);
        progress.event('shard', { path: join(output, name) });
      }
      for (const { id, failedReason } of ours.size > 0 ? await queue.getFailed() : []) {
        if (!ours.delete(id)) continue;
        failed.set(id, failedReason);
        progress.event('failed', { shard: id, reason: failedReason });
      }
    }
    await sleep(POLL_MS); // the last answers may be on their way
    progress.clear();
    for (const [id, reason] of failed) progress.say(`shard ${id} failed: ${reason}`);
    progress.event('end', { failed: failed.size });
    progress.say(`${output}: ${progress.done} pictures, ${progress.errors} errors, ${failed.size} shards failed`);
    return failed.size > 0 || progress.errors > 0 ? 1 : 0;
  } finally {
    await events.close();
    await queue.close();
    connections.closeAll();
    await job.dispose();
  }
}

/**
 * Takes shards from the queue until it is ended: SIGINT finishes the shard under way, a second one and SIGTERM put it back. `openModel(name, task)`
 * returns the checkpoint that a batch names. Returns the exit status. `lock`: seconds after which a shard comes back whose worker is gone.
 */
export async function runWorker(beit, given, { print = console.log, process: host = process } = {}) {
  const { queue: address, engines, threads, device, metrics: port, openModel, lock = LOCK_SECONDS } = given;
  const connections = connector(address);
  const queue = quiet(new Queue(NAME, { connection: connections.open() }));
  const metrics = await openMetrics(port, () => queue.exportPrometheusMetrics());
  const putBack = new AbortController();
  let current = null;

  /** Returns the job of a batch; the last one is kept, with its model. */
  const jobOf = async (spec) => {
    const key = JSON.stringify(spec);
    if (current?.key === key) return current.job;
    await current?.job.dispose();
    current = null;
    const { sum, dtype, ...rest } = { ...spec, dtype: spec.options.dtype };
    const { source, load } = await openModel(spec.model, spec.task);
    const { dtype: _, ...options } = spec.options;
    const job = await openJob(beit, { ...rest, options, model: source, load: { ...load, dtype }, engines, threads, device });
    if (job.facts.sum !== sum)
      throw new beit.BeitError(
        'invalid-argument',
        `${job.facts.model}: this machine has another model (sum ${job.facts.sum}, expected ${sum}).`,
        {
          where: 'model',
        },
      );
    current = { key, job };
    return job;
  };

  const take = async ({ data: { spec, shard } }) => {
    if (existsSync(join(spec.output, shard.name))) return { rows: shard.pictures.length, errors: 0 };
    const job = await jobOf(spec);
    const { path, rows, errors } = await job.write(shard, { signal: putBack.signal, onPicture: metrics.picture });
    metrics.shard();
    print(JSON.stringify({ event: 'shard', path, rows, failed: errors }));
    return { rows, errors };
  };
  const worker = new Worker(
    NAME,
    async (taken, token) => {
      try {
        return await take(taken);
      } catch (error) {
        if (!putBack.signal.aborted) throw error;
        await taken.moveToDelayed(Date.now(), token);
        throw new DelayedError();
      }
    },
    {
      connection: connections.open(),
      concurrency: 1,
      lockDuration: 1000 * lock,
      stalledInterval: 500 * lock,
      maxStalledCount: MOST_STALLS,
    },
  );
  quiet(worker);
  worker.on('failed', (taken, error) =>
    print(JSON.stringify({ event: 'failed', shard: taken?.id, attempt: taken?.attemptsMade, reason: error.message })),
  );
  const ended = new Promise((done) => {
    let count = 0;
    const end = (name) => {
      if (name === 'SIGTERM' || ++count > 1) putBack.abort(new beit.BeitError('aborted', `The worker was ended by ${name}.`));
      done();
    };
    host.on('SIGINT', () => end('SIGINT'));
    host.on('SIGTERM', () => end('SIGTERM'));
  });
  print(JSON.stringify({ event: 'ready', ...(metrics.port && { metrics: metrics.port }) }));
  await ended;
  // A queue that is away is not waited for when the shard is put back: it comes back by itself.
  const away = putBack.signal.aborted ? sleep(CLOSE_LIMIT_MS) : new Promise(() => undefined);
  await Promise.race([worker.close().then(() => queue.close()), away]);
  connections.closeAll();
  await current?.job.dispose();
  await metrics.close();
  return 0;
}
