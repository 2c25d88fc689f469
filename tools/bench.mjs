// `npm run bench`: what loading and running a base model cost on this machine, in Node.
//   npm run bench -- [load|memory|forward...] [--folder CHECKPOINT] [--rounds N] [--json FILE]
//     load      time of loading, against reading the same file
//     memory    peak memory of loading the same model from each container (written for it, 0.35 GB at a time)
//     forward   time of one image, by kinds of work
// Without --folder a base-224 checkpoint of random weights is written to the tools' folder once.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkpointFiles, countOf, writePieces } from './bench/containers.mjs';
import { nodeFlags } from './node-flags.mjs';
import { show, spread } from './bench/statistics.mjs';
import { buildRelease } from './build.mjs';
import { root, tools } from './places.mjs';
import { configs, sizes, stateDict } from './random-checkpoint.mjs';
import { Failure, main, say } from './report.mjs';
import { setUp } from './setup.mjs';

const PARTS = ['load', 'memory', 'forward'];
const BUILDS = ['simd', 'simd-threads', 'relaxed-threads'];
const DTYPES = ['f32', 'int8'];

function child(script, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeFlags, join(root, 'tools', 'bench', script), ...args.map(String)],
    { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Failure(`${script} ${args.join(' ')} ended with status ${status}.\n${stderr}`);
  return JSON.parse(stdout);
}

function benchLoad(folder, dtype, rounds) {
  const build = 'relaxed-threads';
  const rows = { library: [], read: [] };
  for (let i = 0; i < rounds; ++i) for (const what of ['read', 'library']) rows[what].push(child('load-child.mjs', build, what, folder, dtype));
  const ratios = rows.library.map((row, i) => row.milliseconds / rows.read[i].milliseconds);
  const above = rows.library.map(({ peak, weights }) => (peak - weights) / 1e6);
  say(`\nLoading, ${build}, ${dtype}, in turn with reading the same file into wasm memory (median, min to max of ${rounds})`);
  say(`  read alone          ${show(rows.read.map((r) => r.milliseconds), 0)} ms`);
  say(`  ready               ${show(rows.library.map((r) => r.milliseconds), 0)} ms`);
  say(`  ready / read        ${show(ratios, 2)}`);
  say(`  packed weights      ${(rows.library[0].weights / 1e6).toFixed(0)} MB`);
  say(`  peak resident       ${show(rows.library.map((r) => r.peak / 1e6), 0)} MB, ${show(above, 0)} MB above the packed weights`);
  return { build, dtype, rows };
}

function benchMemory(rounds) {
  const build = 'relaxed-threads';
  const model = { ...sizes.base, imageSize: 224, labels: 1000 };
  const tensors = stateDict(model);
  const largest = Math.max(...tensors.map(({ shape }) => 4 * countOf(shape)));
  say(`\nPeak memory of loading, ${build}, above an engine that has started (median, min to max of ${rounds}); largest tensor ${(largest / 1e6).toFixed(1)} MB`);
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
    say(`  ${name.padEnd(20)} ${show(resident, 0)} MB resident, that is packed weights (${(weights / 1e6).toFixed(0)} MB), ` +
      `largest tensor and ${show(above, 0)} MB; wasm memory ${(heap / 1e6).toFixed(0)} MB`);
  }
  return { build, largest, rows };
}

/** The time of passes, and of each kind of work. Returns the logits as well. */
function benchForward(folder, build, threads, dtype, passes) {
  const { rows, logits } = child('forward-child.mjs', build, threads, folder, passes, dtype);
  const total = rows.map((row) => row.milliseconds);
  const gemm = rows.map((row) => row.work.linear.seconds * 1e3);
  say(`\nOne image, ${build}, ${dtype}, ${threads} thread${threads > 1 ? 's' : ''} (median, min to max of ${passes})`);
  say(`  in all              ${show(total)} ms`);
  say(`  CPU time            ${show(rows.map((row) => row.cpu))} ms`);
  for (const [kind, { operations }] of Object.entries(rows[0].work)) {
    const times = rows.map((row) => row.work[kind].seconds * 1e3);
    const { median } = spread(times);
    if (median === 0) continue;
    const rate = operations > 0 ? `, ${(operations / median / 1e6).toFixed(1)} GFLOP/s` : '';
    say(`  ${kind.padEnd(18)}  ${show(times)} ms, ${(100 * median / spread(total).median).toFixed(1)} %${rate}`);
  }
  const ratio = total.map((time, i) => time / gemm[i]);
  say(`  all / sum of GEMMs  ${show(ratio, 3)}`);
  return { build, threads, dtype, rows, logits };
}

await main(async (args) => {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { folder: { type: 'string' }, rounds: { type: 'string', default: '5' }, json: { type: 'string' } } });
  const wrong = positionals.find((name) => !PARTS.includes(name));
  if (wrong) throw new Failure(`There is no part ${wrong}; there are ${PARTS.join(', ')}.`);
  const wants = (part) => positionals.length === 0 || positionals.includes(part);
  await buildRelease(await setUp());
  const folder = values.folder ?? join(tools, 'bench', 'base-224');
  if ((wants('load') || wants('forward')) && !values.folder && !existsSync(join(folder, 'model.safetensors'))) {
    spawnSync(process.execPath, [join(root, 'tools', 'random-checkpoint.mjs'), folder], { stdio: 'inherit' });
  }
  const rounds = Number(values.rounds);
  const figures = { node: process.version };
  if (wants('load')) figures.load = DTYPES.map((dtype) => benchLoad(folder, dtype, rounds));
  if (wants('memory')) figures.memory = benchMemory(rounds);
  if (wants('forward')) {
    figures.forward = [];
    for (const build of BUILDS) {
      for (const threads of build === 'simd' ? [1] : [1, 2]) {
        const [exact, quantized] = DTYPES.map((dtype) => benchForward(folder, build, threads, dtype, rounds));
        figures.forward.push(exact, quantized);
        const off = Math.max(...exact.logits.map((x, i) => Math.abs(x - quantized.logits[i])));
        say(`  int8 - f32          ${off.toExponential(2)} at most, of logits up to ${Math.max(...exact.logits.map(Math.abs)).toFixed(2)}`);
      }
    }
  }
  if (values.json) writeFileSync(values.json, JSON.stringify(figures, null, 1));
});
