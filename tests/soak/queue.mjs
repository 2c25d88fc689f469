// A batch on a queue under everything that can befall it: every picture is in one row of one shard, but for those of two shards that nobody can do.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { root } from '../../tools/places.mjs';
import { startCommand, startQueue } from '../node/queue-server.mjs';
import { writeCheckpoint } from '../node/tiny-checkpoint.mjs';
import { randomNumbers, writePictures } from './pictures.mjs';

const DISK_MIB = 64;
// A batch of which no shard is written or fails for so long stands still.
const STILL_MS = 600_000;
// A worker that was told to end has so long.
const END_MS = 120_000;
// A picture that a shard cannot be done with, and what is said of the shard then; see poison.mjs.
const POISON = { 'deadly.img': /stalled/, 'bug.img': /null/ };
const [poisonModule, clockModule] = ['poison', 'clock'].map((name) => pathToFileURL(join(root, `tests/soak/${name}.mjs`)).href);

/** A network to `port` that can be cut: nothing arrives for so long, and then no connection is left. */
async function startNetwork(port) {
  const pairs = new Set();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
      from.pipe(to);
      if (isCut) from.pause();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = () => [...pairs].flat().forEach((socket) => socket.destroy());
  return {
    address: `redis://127.0.0.1:${server.address().port}`,
    async cut(milliseconds) {
      isCut = true;
      for (const socket of [...pairs].flat()) socket.pause();
      await sleep(milliseconds);
      isCut = false;
      destroyAll();
    },
    async stop() {
      destroyAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A small disk at `folder` that can be filled; null where none can be mounted. */
function mountDisk(folder) {
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  const ballast = join(folder, 'ballast');
  return {
    fill() {
      const file = openSync(ballast, 'w');
      try {
        // Not all kernels count what is left, so what was written ends it as well.
        const { bsize } = statfsSync(folder);
        for (let written = 0; statfsSync(folder).bavail > 0 && written <= DISK_MIB * 2 ** 20; written += bsize)
          writeSync(file, Buffer.alloc(bsize));
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast),
    // Lazily: what was killed while it wrote may not have closed its files yet.
    unmount: () => execFileSync('umount', ['-l', folder]),
  };
}

const USUAL = {
  size: 20_000,
  shardSize: 100,
  workers: 4,
  kills: 50,
  restarts: 2,
  cut: 30_000,
  full: 20_000,
  still: STILL_MS,
  jumps: false,
  poison: Object.keys(POISON),
  seed: 1,
};

/**
 * Batches of `size` pictures until `enough(pictures done)`. During each: `kills` of the workers' processes, `restarts` of the queue, a cut of the network
 * and a full disk for so many milliseconds, two shards that cannot be done; with `jumps` each process has a clock that is set all the time.
 */
export async function soakQueue(enough, given = {}) {
  const settings = { ...USUAL, ...given };
  const { size, shardSize, workers, cut, full, jumps, poison, seed } = settings;
  const random = randomNumbers(seed);
  const folder = mkdtempSync(join(tmpdir(), 'beit-soak-'));
  const problems = [];
  const happened = { kills: 0, restarts: 0, cuts: 0, full: 0, poison: 0, deaths: 0 };
  const disk = mountDisk(join(folder, 'disk'));
  let count = 0;
  try {
    const model = writeCheckpoint(join(folder, 'model'));
    const pictures = writePictures(folder, random, 100);
    do {
      const names = Array.from({ length: size }, () => pictures[Math.floor(random() * pictures.length)]);
      const shards = Math.ceil(size / shardSize);
      // Of some shards, one after the other, one picture is such that nobody can do them.
      const poisoned = poison.map((_, i) => Math.floor(((i + 1) * shards) / 4));
      for (const [i, name] of poison.entries()) names[poisoned[i] * shardSize + i] = join(folder, name);
      const list = join(folder, 'list.txt');
      writeFileSync(list, names.join('\n'));
      const output = join(folder, 'disk', 'out');
      const found = await batch(settings, { folder, model, list, output, shards, random, disk, happened });
      problems.push(...found, ...wrongIn(output, { names, shardSize, poisoned }));
      rmSync(output, { recursive: true });
      count += size;
    } while (!enough(count) && problems.length === 0);
  } finally {
    disk?.unmount();
    rmSync(folder, { recursive: true, force: true });
  }
  const { kills: killed, restarts: restarted, cuts, full: filled, deaths } = happened;
  return {
    what: `beit batch --queue, ${shardSize} pictures a shard, ${workers} workers${jumps ? ', each with a clock that is set' : ''}`,
    count,
    faults: [
      `${killed} SIGKILLs`,
      `queue killed and started again ${restarted} times`,
      `network cut ${cuts} times for ${cut / 1000} s`,
      disk ? `disk full ${filled} times for ${full / 1000} s` : 'no disk to fill',
      `${happened.poison} poison shards, which ended ${deaths} workers`,
      ...(jumps ? ['clocks set every 3 to 10 s by up to an hour'] : []),
    ].join(', '),
    figures: 'each picture in one row of one shard, in order; the poison shards reported, no part of a file left',
    problems,
  };
}

/** One batch with all its faults. Returns what was wrong with what the commands said. */
async function batch(
  { shardSize, workers, kills, restarts, cut, full, still, jumps, poison },
  { folder, model, list, output, shards, random, disk, happened },
) {
  const problems = [];
  const queue = await startQueue(mkdtempSync(join(folder, 'queue-')));
  const network = await startNetwork(queue.port);
  const producer = startCommand(
    [
      ...['batch', '--task', 'classify', '--model', model, '--input', list, '--output', output],
      ...['--shard-size', String(shardSize), '--queue', network.address],
    ],
    { imports: jumps ? [clockModule] : [] },
  );
  let isOver = false;
  const running = new Set();
  const keepWorker = async () => {
    while (!isOver) {
      const words = ['worker', '--queue', network.address, '--engines', '1', '--lock', '2'];
      const worker = startCommand(words, { imports: jumps ? [poisonModule, clockModule] : [poisonModule] });
      running.add(worker);
      const { status, complaint } = await worker.ended;
      running.delete(worker);
      if (worker.killed || isOver) continue;
      if (status === null) ++happened.deaths;
      else problems.push(`a worker ended with status ${status}: ${complaint}`);
    }
  };
  const keeping = Array.from({ length: workers }, keepWorker);
  const kill = () => {
    const able = [...running].filter(({ events, killed }) => events.length > 0 && !killed);
    const worker = able[Math.floor(random() * able.length)];
    if (!worker) return false;
    worker.killed = true;
    worker.child.kill('SIGKILL');
    ++happened.kills;
    return true;
  };
  const written = () => producer.events.filter(({ event }) => event === 'shard').length;
  let isDone = false;
  const ended = producer.ended.finally(() => {
    isDone = true;
  });
  let [known, since] = [0, performance.now()];
  const watch = setInterval(() => {
    if (producer.events.length > known) [known, since] = [producer.events.length, performance.now()];
    if (performance.now() - since < still) return;
    problems.push(`nothing has happened for ${still / 1000} s`);
    producer.child.kill('SIGKILL');
  }, 1000);
  /** Waits until so large a share of the shards is written. */
  const reached = async (share) => {
    while (!isDone && written() < share * shards) await sleep(20);
    await sleep(random() * 300);
  };
  const faults = [
    async () => {
      for (let done = 0; done < kills && !isDone; ) {
        await reached((0.9 * done) / kills);
        while (!isDone && !kill()) await sleep(50);
        ++done;
      }
    },
    async () => {
      for (let done = 0; done < restarts; ++done) {
        await reached((0.9 * (done + 0.5)) / restarts);
        if (isDone) return;
        await queue.restart();
        ++happened.restarts;
      }
    },
    async () => {
      await reached(0.35);
      if (isDone) return;
      await network.cut(cut);
      ++happened.cuts;
    },
    async () => {
      await reached(0.6);
      if (isDone || !disk) return;
      disk.fill();
      await sleep(full);
      disk.free();
      ++happened.full;
    },
  ].map((fault) => fault());
  try {
    await ended;
    await Promise.all(faults);
  } catch (error) {
    problems.push(`a fault cannot be made: ${error.message}`);
    producer.child.kill('SIGKILL');
  }
  clearInterval(watch);
  isOver = true;
  for (const { child } of running) child.kill('SIGTERM');
  const late = setTimeout(() => {
    problems.push('a worker does not end');
    for (const { child } of running) child.kill('SIGKILL');
  }, END_MS);
  await Promise.all(keeping);
  clearTimeout(late);
  await network.stop();
  await queue.stop();
  const { status, complaint } = await ended;
  if (status !== 1) problems.push(`the batch ended with status ${status}: ${complaint}`);
  const reasons = producer.events.filter(({ event }) => event === 'failed').map(({ reason }) => reason);
  happened.poison += reasons.length;
  for (const name of poison)
    if (reasons.filter((reason) => POISON[name].test(reason)).length !== 1)
      problems.push(`${name} is not once in ${JSON.stringify(reasons)}`);
  if (reasons.length !== poison.length) problems.push(`${reasons.length} shards failed: ${reasons.join('; ')}`);
  return problems;
}

/** Returns what is wrong with the shards: all but those that are poisoned are there, with their pictures in order. */
function wrongIn(output, { names, shardSize, poisoned }) {
  const there = readdirSync(output);
  const shards = there.filter((name) => /^\d{5}-[0-9a-f]{16}\.jsonl$/.test(name)).sort();
  const expected = Array.from({ length: Math.ceil(names.length / shardSize) }, (_, i) => i).filter((i) => !poisoned.includes(i));
  const problems = [];
  if (JSON.stringify(shards.map((name) => Number(name.slice(0, 5)))) !== JSON.stringify(expected))
    problems.push('there are other shards than there should be');
  for (const name of shards) {
    const number = Number(name.slice(0, 5));
    const paths = readFileSync(join(output, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).path);
    if (JSON.stringify(paths) !== JSON.stringify(names.slice(number * shardSize, (number + 1) * shardSize)))
      problems.push(`${name}: other rows`);
  }
  if (there.some((name) => name.endsWith('.part'))) problems.push('a part of a file is left');
  return problems;
}
