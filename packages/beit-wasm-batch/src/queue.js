/** Shards on a queue in Redis or Valkey, by BullMQ: who cuts them, and the machines that take them. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents, WaitingError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { failure, isAddress, isBucket, pictureNames, wrongKind } from './inputs.js';
import { openJob } from './job.js';
import { openMetrics } from './metrics.js';
import { BATCH, checkOptions, CONTROL, WORKER } from './options.js';
import { Progress } from './progress.js';

const NAME = 'beit-batch';
const ATTEMPTS = 3;
const BACKOFF_MS = 1000;
// A worker that does not renew its lock for so long is gone, and its shard comes back.
const LOCK_SECONDS = 30;
// A shard that ends its process each time is not taken for ever.
const MOST_STALLS = 10;
const POLL_MS = 500;
const BUCKET_POLL_MS = 5000;
// A shard that is not on the queue for so long, and is not seen in a folder on another machine's disk either, is not awaited any more.
const MISSING_MS = 60_000;
// Answers of a store, of those from 400 to 499, that pass by themselves.
const PASSING = [408, 429];
const FULL_MS = 10_000;
const CLOSE_LIMIT_MS = 5000;
const MOST_RECONNECT_MS = 5000;
const ADDED_AT_ONCE = 100;
const MOST_FAILURES = 20;
const OUTPUT_DIGITS = 8;

/** Returns what makes connections, of which BullMQ closes none that it is given, and what ends them all. */
function connector(address, onTrouble) {
  const made = [];
  const open = () => {
    const how = { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(times * 100, MOST_RECONNECT_MS) };
    const connection = new Redis(address, how);
    // It connects again by itself; what waits for it goes on then. Of each time that it is away one connection tells once.
    let isAway = false;
    connection.on('ready', () => {
      isAway = false;
    });
    connection.on('error', (error) => {
      if (!isAway && connection === made[0]) onTrouble(`${address}: the queue cannot be reached (${error.message || error.code}).`);
      isAway = true;
    });
    made.push(connection);
    return connection;
  };
  return { open, closeAll: () => made.forEach((connection) => connection.disconnect()) };
}

/** Whether a store that has failed may answer later, though nobody does anything: it is away, busy or broken, and has not refused. */
function passes({ code, status }) {
  return code === 'network' && (!(status >= 400 && status < 500) || PASSING.includes(status));
}

const quiet = (emitter) => emitter.on('error', () => undefined);
const absolute = (name) => (isAddress(name) ? name : resolve(name));
// What is no path of this machine may be a name of the hub.
const absoluteModel = (name) => (name && existsSync(name) ? resolve(name) : (name ?? null));

/**
 * Cuts a batch into shards, puts those that are not finished on the queue, and waits until all are written or have failed;
 * without `wait` it returns at once. Returns the exit status.
 */
export async function enqueueBatch(beit, given, { print = console.log, terminal = process.stderr } = {}) {
  const { input, shardSize = 2000, resume = false, queue: address, wait = true } = checkOptions(beit, given, BATCH);
  if (given.onError === 'stop')
    throw failure(
      beit,
      'invalid-argument',
      'onError',
      'it cannot be "stop" with a queue, since machines do not wait for each other; expected "skip"',
    );
  if (typeof given.output !== 'string') throw wrongKind(beit, 'folder', given.output, 'a path, or s3://…');
  const output = absolute(given.output);
  const job = await openJob(beit, { ...given, output });
  const shards = job.shardsOf((await pictureNames(beit, input)).map(absolute), shardSize);
  const finished = await job.finished(shards);
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
  const progress = new Progress(
    open.reduce((sum, { pictures }) => sum + pictures.length, 0),
    { terminal, print },
  );
  const tellWaiting = (reason) => {
    progress.event('waiting', { reason });
    progress.say(reason);
  };
  const connections = connector(address, tellWaiting);
  const queue = quiet(new Queue(NAME, { connection: connections.open() }));
  const events = quiet(new QueueEvents(NAME, { connection: connections.open() }));
  try {
    const idOf = namerOf(job.store);
    const ours = new Map(open.map((shard) => [idOf(shard), shard]));
    // One that failed before is tried again; one that is on the queue already stays the only one.
    for (const failed of await queue.getFailed()) if (ours.has(failed.id)) await failed.remove();
    const how = { attempts: ATTEMPTS, removeOnComplete: true };
    for (let from = 0; from < open.length; from += ADDED_AT_ONCE) {
      const some = open.slice(from, from + ADDED_AT_ONCE);
      await queue.addBulk(some.map((shard) => ({ name: task, data: { spec, shard }, opts: { ...how, jobId: idOf(shard) } })));
    }
    progress.event('queued', { shards: open.length, finished: finished.size });
    if (!wait) return 0;
    // A shard may be seen in the store before its worker's answer comes, or without one: the answer may be lost, as its worker or the queue may.
    const all = new Set(ours.keys());
    const answered = new Set();
    const written = new Map();
    events.on('completed', ({ jobId, returnvalue }) => {
      if (!all.has(jobId) || answered.has(jobId) || !returnvalue) return;
      answered.add(jobId);
      progress.errors += returnvalue.errors;
    });
    events.on('progress', ({ jobId, data }) => {
      if (ours.has(jobId)) progress.event('waiting', { shard: jobId, reason: data.waiting });
    });
    const failed = new Map();
    const fail = (id, reason) => {
      if (!ours.delete(id)) return;
      failed.set(id, reason);
      progress.event('failed', { shard: id, reason });
    };
    const missing = new Missing(queue);
    let isAway = false;
    while (ours.size > 0) {
      await sleep(isBucket(output) ? BUCKET_POLL_MS : POLL_MS);
      const gone = await missing.among(ours.keys());
      const names = Array.from(ours.values(), ({ name }) => name);
      const there = await job.store.among(names).catch((error) => {
        if (passes(error)) return error;
        // Who waits is refused; who works need not be.
        progress.say(`${ours.size} shards are still on the queue; with --resume their end is awaited again`);
        throw error;
      });
      // A store that is away comes back, and until then nobody knows what it has. Of each time that it is away this tells once.
      if (there instanceof Error) {
        if (!isAway) tellWaiting(there.message);
        isAway = true;
        continue;
      }
      isAway = false;
      for (const [id, shard] of ours) {
        const { name, pictures } = shard;
        if (!there.has(name)) continue;
        ours.delete(id);
        written.set(id, shard);
        progress.advance(pictures.length);
        progress.event('shard', { path: job.store.path(name) });
      }
      for (const { id, failedReason } of ours.size > 0 ? await queue.getFailed() : []) fail(id, failedReason);
      for (const id of gone) fail(id, 'it is no longer on the queue, which was drained or has forgotten it');
    }
    // Workers that were killed have left parts of these; whoever still writes one writes what is there already.
    const whole = new Set(shards.map(({ name }) => name));
    await job.store.tidy((name) => whole.has(name), { alive: true });
    await sleep(POLL_MS); // the last answers may be on their way
    for (const [id, shard] of written) {
      if (answered.has(id)) continue;
      answered.add(id);
      progress.errors += await job.errorsIn(shard);
    }
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

/** Returns what gives shards their names on the queue: two batches of the same pictures into two folders are two there as well. */
function namerOf({ address }) {
  const output = createHash('sha256').update(address).digest('hex').slice(0, OUTPUT_DIGITS);
  return ({ name }) => `${name.replace(/\.\w+$/, '')}-${output}`;
}

/** Which shards a queue has not known for some time. */
class Missing {
  #queue;
  #since = new Map();
  #looked = 0;

  constructor(queue) {
    this.#queue = queue;
  }

  async among(ids) {
    const now = performance.now();
    if (now - this.#looked < MISSING_MS / 4) return [];
    this.#looked = now;
    const gone = [];
    for (const id of ids) {
      if ((await this.#queue.getJobState(id)) !== 'unknown') this.#since.delete(id);
      else if (!this.#since.has(id)) this.#since.set(id, now);
      else if (now - this.#since.get(id) > MISSING_MS) gone.push(id);
    }
    return gone;
  }
}

/**
 * Takes shards from the queue until it is ended: SIGINT finishes the shard under way, a second one and SIGTERM put it back. `openModel(name, task)`
 * returns the checkpoint that a batch names. Returns the exit status. `lock`: seconds after which a shard comes back whose worker is gone.
 */
export async function runWorker(beit, given, { print = console.log, process: host = process } = {}) {
  const { queue: address, engines, threads, device, metrics: port, openModel, lock = LOCK_SECONDS } = checkOptions(beit, given, WORKER);
  // First: connections of the queue would hold a process that cannot begin.
  const metrics = await openMetrics(beit, port, () => queue.exportPrometheusMetrics());
  const connections = connector(address, (reason) => print(JSON.stringify({ event: 'waiting', reason })));
  const queue = quiet(new Queue(NAME, { connection: connections.open() }));
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

  // What is waited for is waited for here: BullMQ's delays go by the clock, which may be set.
  const rest = (milliseconds) => sleep(milliseconds, undefined, { signal: putBack.signal }).catch(() => undefined);

  const take = async (taken) => {
    const { spec, shard } = taken.data;
    const job = await jobOf(spec);
    if (await job.store.has(shard.name)) return { rows: shard.pictures.length, errors: await job.errorsIn(shard) };
    const onFull = async ({ message }) => {
      print(JSON.stringify({ event: 'waiting', shard: taken.id, reason: message }));
      await taken.updateProgress({ waiting: message });
      await rest(FULL_MS);
    };
    const { path, rows, errors } = await job.write(shard, { signal: putBack.signal, onPicture: metrics.picture, onFull });
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
        if (taken.attemptsMade + 1 < ATTEMPTS) await rest(BACKOFF_MS * 2 ** taken.attemptsMade);
        if (!putBack.signal.aborted) throw error;
        await taken.moveToWait(token);
        throw new WaitingError();
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
  let timer;
  const away = new Promise((resolve) => {
    const wait = () => {
      timer = setTimeout(resolve, CLOSE_LIMIT_MS);
    };
    if (putBack.signal.aborted) wait();
    else putBack.signal.addEventListener('abort', wait);
  });
  await Promise.race([worker.close().then(() => queue.close()), away]);
  clearTimeout(timer);
  connections.closeAll();
  await current?.job.dispose();
  await metrics.close();
  return 0;
}

/**
 * Does what `beit queue` does: `action` is status, pause, resume or drain, which takes off the shards that no worker has. Returns what is on the queue
 * then, and prints it.
 */
export async function controlQueue(beit, given, { print = console.log } = {}) {
  const { queue: address, action, json = false } = checkOptions(beit, given, CONTROL);
  // Whoever asks wants to know at once that there is none.
  const connection = new Redis(address, { maxRetriesPerRequest: 1, retryStrategy: (times) => (times > 2 ? null : 200 * times) });
  let reason = '';
  connection.on('error', (error) => {
    reason = error.message || error.code;
  });
  const queue = quiet(new Queue(NAME, { connection }));
  try {
    if (action !== 'status') await queue[action]();
    const { wait, paused, active, failed } = await queue.getJobCounts('wait', 'paused', 'active', 'failed');
    const failures = (await queue.getFailed(0, MOST_FAILURES - 1)).map(({ id, failedReason }) => ({ shard: id, reason: failedReason }));
    const status = {
      paused: await queue.isPaused(),
      waiting: wait + paused,
      active,
      workers: await queue.getWorkersCount(),
      failed,
      failures,
    };
    if (json) print(JSON.stringify(status));
    else {
      print(
        `${status.paused ? 'paused' : 'running'}: ${status.waiting} shards waiting, ${active} at ${status.workers} workers, ${failed} failed`,
      );
      for (const { shard, reason: why } of failures) print(`  ${shard}: ${why}`);
    }
    return status;
  } catch (error) {
    if (error instanceof beit.BeitError) throw error;
    throw failure(beit, 'network', address, `the queue cannot be reached (${reason || error.message})`, error);
  } finally {
    await queue.close().catch(() => undefined);
    connection.disconnect();
  }
}
