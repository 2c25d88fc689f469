// `npm run bench`: what loading and running a base model cost on this machine, in Node.
//   npm run bench -- [load|memory|phases|forward|threads|segmentation|gpu...] [--folder CHECKPOINT] [--rounds N] [--json FILE] [--software]
//     load           time of loading, against reading the same file
//     memory         peak memory of loading the same model from each container (written for it, 0.35 GB at a time)
//     phases         what a user waits for, from importing the library to the answer to a picture
//     forward        time of one image, by kinds of work, against what the cores do at most
//     threads        time of one image with one thread, one for each core, eight, and auto; alone and beside a busy process
//     segmentation   the same as forward, of base-ADE-640
//     gpu            time of one image and of eight on a GPU, by the package webgpu; --software: also on an adapter that is the processor
// Without --folder checkpoints of random weights are written to the tools' folder once. --folder is not for segmentation.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkpointFiles, countOf, writePieces } from './bench/containers.mjs';
import { nodeFlags } from './node-flags.mjs';
import { kindOf } from './bench/peak.mjs';
import { show, spread } from './bench/statistics.mjs';
import { buildRelease } from './build.mjs';
import { root, tools } from './places.mjs';
import { configs, sizes, stateDict } from './random-checkpoint.mjs';
import { Failure, main, say } from './report.mjs';
import { setUp } from './setup.mjs';

const PARTS = ['load', 'memory', 'phases', 'forward', 'threads', 'segmentation', 'gpu'];
const BUILDS = ['simd', 'simd-threads', 'relaxed-threads'];
const DTYPES = ['f32', 'int8'];
const GPU_DTYPES = ['f32', 'f16', 'int8'];

function child(script, ...args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeFlags, join(root, 'tools', 'bench', script), ...args.map(String)],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Failure(`${script} ${args.join(' ')} ended with status ${status}.\n${stderr}`);
  return JSON.parse(stdout);
}

function benchLoad(folder, dtype, rounds) {
  const build = 'relaxed-threads';
  const rows = { library: [], read: [] };
  for (let i = 0; i < rounds; ++i)
    for (const what of ['read', 'library']) rows[what].push(child('load-child.mjs', build, what, folder, dtype));
  const ratios = rows.library.map((row, i) => row.milliseconds / rows.read[i].milliseconds);
  const above = rows.library.map(({ peak, weights }) => (peak - weights) / 1e6);
  say(`\nLoading, ${build}, ${dtype}, in turn with reading the same file into wasm memory (median, min to max of ${rounds})`);
  say(
    `  read alone          ${show(
      rows.read.map((r) => r.milliseconds),
      0,
    )} ms`,
  );
  say(
    `  ready               ${show(
      rows.library.map((r) => r.milliseconds),
      0,
    )} ms`,
  );
  say(`  ready / read        ${show(ratios, 2)}`);
  say(`  packed weights      ${(rows.library[0].weights / 1e6).toFixed(0)} MB`);
  say(
    `  peak resident       ${show(
      rows.library.map((r) => r.peak / 1e6),
      0,
    )} MB, ${show(above, 0)} MB above the packed weights`,
  );
  return { build, dtype, rows };
}

function benchMemory(rounds) {
  const build = 'relaxed-threads';
  const model = { ...sizes.base, imageSize: 224, labels: 1000 };
  const tensors = stateDict(model);
  const largest = Math.max(...tensors.map(({ shape }) => 4 * countOf(shape)));
  say(
    `\nPeak memory of loading, ${build}, above an engine that has started (median, min to max of ${rounds}); largest tensor ${(largest / 1e6).toFixed(1)} MB`,
  );
  const rows = {};
  for (const [name, files] of Object.entries(checkpointFiles(tensors))) {
    const folder = mkdtempSync(join(tmpdir(), 'beit-bench-'));
    try {
      writeFileSync(join(folder, 'config.json'), JSON.stringify(configs(model, { torch: 'float32' }).config));
      for (const [file, pieces] of Object.entries(files)) writePieces(join(folder, file), pieces);
      rows[name] = Array.from({ length: rounds }, () => child('load-child.mjs', build, 'memory', folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const resident = rows[name].map(({ peak, before }) => (peak - before) / 1e6);
    const above = rows[name].map(({ peak, before, weights }) => (peak - before - weights - largest) / 1e6);
    const { weights, heap } = rows[name][0];
    say(
      `  ${name.padEnd(20)} ${show(resident, 0)} MB resident, that is packed weights (${(weights / 1e6).toFixed(0)} MB), ` +
        `largest tensor and ${show(above, 0)} MB; wasm memory ${(heap / 1e6).toFixed(0)} MB`,
    );
  }
  return { build, largest, rows };
}

const PICTURE = join(root, 'demo', 'samples', 'harbour.jpg');

/** What a user of the library waits for, phase by phase, in processes of their own. */
function benchPhases(folder, name, dtype, rounds) {
  const build = 'relaxed-threads',
    threads = 2;
  const rows = Array.from({ length: rounds }, () => child('phases-child.mjs', build, threads, folder, dtype, 5, PICTURE));
  say(`\nPhases, ${name}, ${build}, ${dtype}, ${threads} threads (median, min to max of ${rounds} processes)`);
  for (const phase of Object.keys(rows[0])) say(`  ${phase.padEnd(26)} ${show(rows.flatMap((row) => row[phase]))} ms`);
  const ready = rows.map((row) => row.import[0] + row.engine[0] + row.load[0] + row['first answer'][0]);
  say(`  ${'from nothing to an answer'.padEnd(26)} ${show(ready)} ms`);
  return { name, build, threads, dtype, rows };
}

/** What the cores do at most: one thread's GFLOP/s by kind of arithmetic. */
function benchPeak() {
  const peaks = child('peak-child.mjs');
  say('\nOne thread at most, 128-bit vectors in registers');
  for (const [kind, peak] of Object.entries(peaks))
    say(`  ${kind.padEnd(28)} ${peak === null ? 'not here' : `${peak.toFixed(1)} GFLOP/s`}`);
  return peaks;
}

/** The time of passes, and of each kind of work. Returns the logits as well. */
function benchForward(folder, build, threads, dtype, passes, peaks, warmUps = 3) {
  const { rows, logits, memory } = child('forward-child.mjs', build, threads, folder, passes, dtype, warmUps);
  const peak = peaks[kindOf(build, dtype)] * threads;
  const total = rows.map((row) => row.milliseconds);
  const gemm = rows.map((row) => row.work.linear.seconds * 1e3);
  say(`\nOne image, ${build}, ${dtype}, ${threads} thread${threads > 1 ? 's' : ''} (median, min to max of ${passes})`);
  say(`  in all              ${show(total)} ms`);
  say(`  CPU time            ${show(rows.map((row) => row.cpu))} ms`);
  for (const [kind, { operations }] of Object.entries(rows[0].work)) {
    const times = rows.map((row) => row.work[kind].seconds * 1e3);
    const { median } = spread(times);
    if (median === 0) continue;
    const speed = operations / median / 1e6;
    // Of int8 models the linear layers alone have whole numbers.
    const share = kind === 'linear' || dtype === 'f32' ? `, ${((100 * speed) / peak).toFixed(0)} % of the cores' peak` : '';
    const rate = operations > 0 ? `, ${speed.toFixed(1)} GFLOP/s${share}` : '';
    say(`  ${kind.padEnd(18)}  ${show(times)} ms, ${((100 * median) / spread(total).median).toFixed(1)} %${rate}`);
  }
  const ratio = total.map((time, i) => time / gemm[i]);
  say(`  all / sum of GEMMs  ${show(ratio, 3)}`);
  const estimated = memory.estimate.weights + memory.estimate.activations;
  say(
    `  memory              ${(memory.peak / 1e6).toFixed(0)} MB at most, ${((100 * memory.peak) / estimated).toFixed(0)} % of the estimate before loading; ` +
      `${(memory.loaded / 1e6).toFixed(0)} MB once loaded; process ${(memory.resident / 1e6).toFixed(0)} MB`,
  );
  return { build, threads, dtype, rows, logits, memory };
}

/** More threads than cores, and numbers of threads that are chosen; alone, as far as others let it be, and beside a busy process. */
function benchThreads(folder, name, rounds, passes) {
  const cores = availableParallelism(),
    most = 8;
  const { turns, reasons } = child('threads-child.mjs', folder, cores, most, rounds, passes);
  const rows = Object.keys(reasons).map((way) => {
    const [alone, busy] = [false, true].map((burning) => turns.filter((turn) => turn.way === way && turn.burning === burning));
    const times = (all) => all.map(({ milliseconds }) => milliseconds);
    return { way, alone: times(alone), busy: times(busy), others: alone.map(({ others }) => others), median: spread(times(alone)).median };
  });
  const at = (wanted) => rows.find(({ way }) => way === wanted).median;
  const best = Math.min(...rows.map(({ median }) => median));
  say(`\nThreads, ${name}, ${cores} cores (median, min to max of ${rows[0].alone.length} turns of ${passes} passes)`);
  for (const { way, alone, busy, others, median } of rows) {
    say(
      `  ${way.padEnd(20)} ${show(alone)} ms, others had ${(100 * spread(others).median).toFixed(0)} % of the cores; ` +
        `beside a busy process ${show(busy)} ms, ${(spread(busy).median / median).toFixed(2)} times as long`,
    );
  }
  say(`  ${most} threads over ${cores}: ${(at(`${most} threads`) / at(`${cores} threads`)).toFixed(2)}`);
  for (const { way, median } of rows)
    if (way.startsWith('auto')) say(`  ${way}, over the best: ${(median / best).toFixed(2)}. ${reasons[way]}`);
  return { name, cores, most, turns, reasons };
}

/** The time of passes on a GPU, or why there is none. */
function benchGpu(folder, dtype, passes, software) {
  const { on, deviceReason, lost, ready, gpu, times } = child('gpu-child.mjs', folder, dtype, passes, software ? 'gpu' : 'auto');
  say(`\nGPU, ${dtype}: ${deviceReason}`);
  if (on !== 'gpu' || lost) return { dtype, deviceReason, times: null };
  say(`  ready               ${ready.toFixed(0)} ms, ${(gpu / 1e6).toFixed(0)} MB on the GPU`);
  for (const [batch, all] of Object.entries(times)) say(`  images at a time ${batch}  ${show(all)} ms (median, min to max of ${passes})`);
  return { dtype, deviceReason, ready, gpu, times };
}

/** Makes a checkpoint, unless it is there. */
function randomCheckpoint(folder, ...options) {
  if (existsSync(join(folder, 'model.safetensors'))) return;
  const { status } = spawnSync(process.execPath, [join(root, 'tools', 'random-checkpoint.mjs'), folder, ...options], { stdio: 'inherit' });
  if (status !== 0) throw new Failure(`The checkpoint ${folder} could not be written.`);
}

function sayDifference(exact, quantized) {
  const largest = (values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const off = largest(exact.logits.map((x, i) => x - quantized.logits[i]));
  say(`  int8 - f32          ${off.toExponential(2)} at most, of logits up to ${largest(exact.logits).toFixed(2)}`);
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      folder: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      software: { type: 'boolean' },
    },
  });
  const wrong = positionals.find((name) => !PARTS.includes(name));
  if (wrong) throw new Failure(`There is no part ${wrong}; there are ${PARTS.join(', ')}.`);
  const wants = (part) => positionals.length === 0 || positionals.includes(part);
  await buildRelease(await setUp());
  const folder = values.folder ?? join(tools, 'bench', 'base-224');
  if (['load', 'phases', 'forward', 'threads', 'gpu'].some(wants) && !values.folder) randomCheckpoint(folder);
  const rounds = Number(values.rounds);
  const figures = { node: process.version };
  if (wants('load')) figures.load = DTYPES.map((dtype) => benchLoad(folder, dtype, rounds));
  if (wants('memory')) figures.memory = benchMemory(rounds);
  if (wants('phases')) {
    figures.phases = DTYPES.flatMap((dtype) => [
      benchPhases('-', 'the embedded classifier', dtype, rounds),
      benchPhases(folder, 'base-224', dtype, rounds),
    ]);
  }
  if (wants('forward') || wants('segmentation')) figures.peaks = benchPeak();
  if (wants('forward')) {
    figures.forward = [];
    for (const build of BUILDS) {
      for (const threads of build === 'simd' ? [1] : [1, 2]) {
        const [exact, quantized] = DTYPES.map((dtype) => benchForward(folder, build, threads, dtype, rounds, figures.peaks));
        figures.forward.push(exact, quantized);
        sayDifference(exact, quantized);
      }
    }
  }
  if (wants('threads')) {
    figures.threads = [benchThreads('-', 'the embedded classifier', 6 * rounds, 9), benchThreads(folder, 'base-224', rounds, 3)];
  }
  if (wants('segmentation')) {
    const ade = join(tools, 'bench', 'base-ade-640');
    randomCheckpoint(ade, '--task', 'segmentation', '--image-size', '640', '--labels', '150');
    const [exact, quantized] = DTYPES.map((dtype) => benchForward(ade, 'relaxed-threads', 2, dtype, rounds, figures.peaks, 1));
    sayDifference(exact, quantized);
    // Half a million logits are no figure.
    figures.segmentation = [exact, quantized].map(({ logits, ...rest }) => rest);
  }
  if (wants('gpu')) figures.gpu = GPU_DTYPES.map((dtype) => benchGpu(folder, dtype, rounds, values.software));
  if (values.json) writeFileSync(values.json, JSON.stringify(figures, null, 1));
});
