/** `beit batch`: all shards of a batch, one after the other, on this machine. */
import { pictureNames } from './inputs.js';
import { openJob } from './job.js';
import { openMetrics } from './metrics.js';
import { BATCH, checkOptions } from './options.js';
import { Progress } from './progress.js';

const FAILED = 1;
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 };

/**
 * Does a batch. `given`: as openJob() takes it, and { input, shardSize, resume, onError, metrics, queue }. Returns the exit status: 1 where a
 * picture failed, that of the signal where one ended it. SIGINT finishes the shard under way, a second one and SIGTERM put it back; before the first
 * shard each ends it at once.
 */
export async function runBatch(beit, given, surroundings = {}) {
  // The queue's libraries are large.
  if (checkOptions(beit, given, BATCH).queue) return (await import('./queue.js')).enqueueBatch(beit, given, surroundings);
  const { print = console.log, terminal = process.stderr, process: host = process } = surroundings;
  const { input, shardSize = 2000, resume = false, onError = 'skip', metrics: port } = given;
  const putBack = new AbortController();
  let ended = null;
  let isWriting = false;
  const end = (name) => {
    if (name === 'SIGTERM' || ended || !isWriting)
      putBack.abort(new beit.BeitError('aborted', `The batch was ended by ${name}; its shard was put back.`));
    ended ??= name;
  };
  const onInterrupt = () => end('SIGINT');
  const onTerminate = () => end('SIGTERM');
  host.on('SIGINT', onInterrupt);
  host.on('SIGTERM', onTerminate);
  const signal = given.signal ? AbortSignal.any([putBack.signal, given.signal]) : putBack.signal;
  let job = null;
  let metrics = null;
  try {
    const pictures = await pictureNames(beit, input, process.stdin, signal);
    job = await openJob(beit, { ...given, signal });
    const shards = job.shardsOf(pictures, shardSize);
    const finished = await job.finished(shards);
    if (finished.size > 0 && !resume)
      throw new beit.BeitError(
        'invalid-argument',
        `${job.output}: ${finished.size} of ${shards.length} shards are finished; expected an empty folder, or --resume to go on with the others.`,
        { where: job.output },
      );
    const open = shards.filter(({ name }) => !finished.has(name));
    const count = open.reduce((sum, shard) => sum + shard.pictures.length, 0);
    metrics = await openMetrics(beit, port);
    metrics.total(count);
    if (open.length > 0) await job.open(signal);
    // Whoever is refused has changed nothing.
    await job.tidy();
    signal.throwIfAborted();
    const progress = new Progress(count, { terminal, print });
    progress.event('begin', { shards: open.length, finished: finished.size, ...(metrics.port && { metrics: metrics.port }) });
    isWriting = true;
    await writeAll(job, open, { signal, onError, progress, metrics, isEnded: () => ended !== null });
    progress.clear();
    const seconds = (progress.now() - progress.began) / 1000;
    progress.event('end', { seconds: Number(seconds.toFixed(3)), finished: ended === null });
    progress.say(`${job.output}: ${progress.done} pictures, ${progress.errors} errors, ${(progress.done / seconds).toFixed(1)} a second`);
    if (ended) return SIGNAL_STATUS[ended];
    return progress.errors > 0 ? FAILED : 0;
  } catch (error) {
    if (ended && putBack.signal.aborted) return SIGNAL_STATUS[ended];
    throw error;
  } finally {
    host.off('SIGINT', onInterrupt);
    host.off('SIGTERM', onTerminate);
    await job?.dispose();
    await metrics?.close();
  }
}

/** Writes shards in their order. The next begins when all pictures of one are under way, so that no engine waits for the last. */
async function writeAll(job, shards, { signal, onError, progress, metrics, isEnded }) {
  /** Those under way, in their order. */
  const writing = new Map();
  let failed = null;
  const onPicture = (row) => {
    progress.picture(row);
    metrics.picture(row);
  };
  for (const shard of shards) {
    if (isEnded() || failed) break;
    await new Promise((begun) => {
      const own = new AbortController();
      const run = async () => {
        try {
          const { path, rows, errors } = await job.write(shard, {
            signal: AbortSignal.any([signal, own.signal]),
            onError,
            onPicture,
            onBegun: begun,
          });
          metrics.shard();
          progress.event('shard', { path, rows, failed: errors });
        } catch (error) {
          failed ??= { error };
          // What came before is finished, what came after put back.
          for (const [other, { own: later }] of writing) if (other.number > shard.number) later.abort(error);
        } finally {
          writing.delete(shard);
          begun();
        }
      };
      const entry = { own, done: null };
      writing.set(shard, entry);
      entry.done = run();
    });
    // Two at a time: one that is being finished, and the next.
    while (writing.size > 1) await Promise.race([...writing.values()].map(({ done }) => done));
  }
  await Promise.all([...writing.values()].map(({ done }) => done));
  if (failed) throw failed.error;
}
