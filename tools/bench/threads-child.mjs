// Passes of one model with several numbers of threads, in turn, alone and beside a process that keeps all cores busy: prints
// JSON of { turns: [{ way, burning, threads, milliseconds, others }], reasons: { way: sentence } }.
//   threads-child.mjs FOLDER|- CORES MOST ROUNDS PASSES      -: the embedded classifier
// threads: how many worked at last; milliseconds: the median of a turn's passes; others: the share of the cores' time that other processes had meanwhile.
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { spread } from './statistics.mjs';

const [folder, ...numbers] = process.argv.slice(2);
const [cores, most, rounds, passes] = numbers.map(Number);
const { settingsOf } = await import('../../dist/api/engines.js');
const { LocalEngine } = await import('../../dist/engine/local.js');
const { BeitForImageClassification } = await import('../../dist/node.js');
const source = folder === '-' ? fileURLToPath(new URL('../../weights/embedded/classifier', import.meta.url)) : folder;
const WARM_UPS = 8;
const BLOCKS = 2;

const ways = [
  ...[1, cores, most].map((threads) => ({ way: threads === 1 ? '1 thread' : `${threads} threads`, settings: { threads }, told: cores })),
  { way: 'auto', settings: {}, told: cores },
  { way: `auto, told ${most} cores`, settings: {}, told: most },
].filter(({ way }, i, all) => all.findIndex((other) => other.way === way) === i);
for (const each of ways) {
  each.engine = await LocalEngine.create(settingsOf(each.settings), { kind: 'node', cores: each.told, mayBlock: true }, false);
  each.model = await BeitForImageClassification.fromPretrained(source, { engine: each.engine });
  const { height, width } = each.model.config.imageSize;
  const dims = [1, 3, height, width];
  each.input = { pixelValues: { dims, data: Float32Array.from({ length: 3 * height * width }, (_, i) => Math.sin(i / 97)) } };
  for (let i = 0; i < WARM_UPS; ++i) await each.model.forward(each.input);
}

/** Returns milliseconds of processor time: of this process, and of all. */
function used() {
  const { user, system } = process.cpuUsage();
  return { own: (user + system) / 1e3, all: cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) };
}

async function turn({ way, engine, model, input }, burning) {
  const before = used(),
    begin = performance.now(),
    times = [];
  for (let i = 0; i < passes; ++i) {
    const start = performance.now();
    await model.forward(input);
    times.push(performance.now() - start);
  }
  const after = used();
  const others = (after.all - before.all - (after.own - before.own)) / (performance.now() - begin) / cpus().length;
  return { way, burning, threads: engine.info.threads, milliseconds: spread(times).median, others };
}

/** Runs `work` beside a process with a busy thread for each core. */
async function beside(work) {
  const burner = fork(new URL('burner-child.mjs', import.meta.url), [String(cores)], { execArgv: [] });
  try {
    await new Promise((resolve, reject) => burner.once('message', resolve).once('exit', reject));
    return await work();
  } finally {
    burner.removeAllListeners('exit').kill();
  }
}

const turns = [];
async function block(burning) {
  for (let round = 0; round < rounds; ++round) for (const way of ways) turns.push(await turn(way, burning));
}
for (let i = 0; i < BLOCKS; ++i) {
  await block(false);
  await beside(() => block(true));
}
const reasons = Object.fromEntries(ways.map(({ way, engine }) => [way, engine.info.reason]));
process.stdout.write(JSON.stringify({ turns, reasons }), () => process.exit(0));
