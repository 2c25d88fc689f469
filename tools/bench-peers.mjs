// `npm run bench:peers`: this library, onnxruntime-web and LiteRT.js on the same checkpoint, in turn, in
// Chromium: time of an image, time until ready, peak memory, bytes of wasm, difference to PyTorch.
//   npm run bench:peers -- [--rounds N] [--passes N] [--threads 1,2] [--only WORD] [--json FILE] [--svg FILE]
// Optional: it needs Python with pip, and fetches PyTorch and the peers into the tools' folder.
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureInChromium, servePeers } from './bench/peers/chromium.mjs';
import { twoCores } from './bench/peers/control.mjs';
import { preparePeers } from './bench/peers/environment.mjs';
import { plot } from './bench/peers/plot.mjs';
import { show, spread } from './bench/statistics.mjs';
import { buildRelease } from './build.mjs';
import { root, tools } from './places.mjs';
import { main, run, say } from './report.mjs';
import { setUp } from './setup.mjs';

const OURS = 'beit-wasm';
const ORT = 'onnxruntime-web';
const LITERT = 'LiteRT.js';

/** Every row of the table but the threads. A build without threads has one row. */
const SUBJECTS = [
  { name: 'beit-wasm f32, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'f32' },
  { name: 'beit-wasm f32, simd', peer: OURS, build: 'simd-threads', dtype: 'f32' },
  { name: 'beit-wasm int8, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'int8' },
  { name: 'beit-wasm int8, simd', peer: OURS, build: 'simd-threads', dtype: 'int8' },
  { name: 'onnxruntime-web f32', peer: ORT, file: 'model.onnx', dtype: 'f32' },
  { name: 'onnxruntime-web QUInt8', peer: ORT, file: 'model-QUInt8.onnx', dtype: 'int8' },
  { name: 'onnxruntime-web QInt8', peer: ORT, file: 'model-QInt8.onnx', dtype: 'int8' },
  { name: 'LiteRT.js f32', peer: LITERT, file: 'model.tflite', dtype: 'f32' },
  { name: 'LiteRT.js f32, no relaxed SIMD', peer: LITERT, file: 'model.tflite', dtype: 'f32', compatible: true, threads: [1] },
  { name: 'LiteRT.js int8', peer: LITERT, file: 'model-int8.tflite', dtype: 'int8' },
];

function table(results) {
  const rows = [['', 'threads', 'one image, ms', 'ready, ms', 'peak, MB', 'wasm, MB', 'largest logit error']];
  for (const { name, threads, runs } of results) {
    const last = runs.at(-1);
    rows.push([name, String(threads), show(runs.map((r) => spread(r.times).median), 0), show(runs.map((r) => r.ready), 0),
      show(runs.map((r) => r.peak / 1e6), 0), (last.wasm / 1e6).toFixed(2), last.largest.toExponential(1)]);
  }
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ')).join('\n');
}

/** Ratios round by round, since the machine's speed drifts: how many times faster ours is, and so on. */
function ratios(results) {
  const lines = [];
  for (const mine of results.filter(({ peer }) => peer === OURS)) {
    for (const other of results.filter(({ peer, dtype, threads }) => peer !== OURS && dtype === mine.dtype && threads === mine.threads)) {
      const by = (value) => show(mine.runs.map((r, i) => value(other.runs[i]) / value(r)), 2);
      lines.push(`  ${mine.name} against ${other.name}, ${mine.threads} thread${mine.threads > 1 ? 's' : ''}: `
        + `faster ${by((r) => spread(r.times).median)}, ready ${by((r) => r.ready)}, memory ${show(mine.runs.map((r, i) => r.peak / other.runs[i].peak), 2)}`);
    }
  }
  return lines.join('\n');
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' }, passes: { type: 'string', default: '5' }, threads: { type: 'string', default: '1,2' },
      only: { type: 'string' }, json: { type: 'string' }, svg: { type: 'string' },
    },
  });
  await buildRelease(await setUp({ browsers: true }));
  const checkpoint = join(tools, 'bench', 'base-224');
  if (!existsSync(join(checkpoint, 'model.safetensors'))) {
    await run(process.execPath, [join(root, 'tools', 'random-checkpoint.mjs'), checkpoint], { log: 'random-checkpoint' });
  }
  const { models, npm } = await preparePeers(join(tools, 'bench', 'peers'), checkpoint);
  const wanted = values.threads.split(',').map(Number);
  const results = SUBJECTS.filter(({ name }) => !values.only || name.includes(values.only)).flatMap(({ threads = wanted, ...subject }) =>
    threads.filter((count) => wanted.includes(count)).map((count) => ({ ...subject, threads: count, runs: [] })));
  const server = await servePeers({ checkpoint, models, npm });
  const control = [];
  try {
    for (let round = 0; round < Number(values.rounds); ++round) {
      control.push(await twoCores());
      for (const result of results) {
        const { runs, ...subject } = result;
        runs.push(await measureInChromium(server, subject, { warmUps: 3, passes: Number(values.passes) }));
        say(`  round ${round + 1}, ${subject.name}, ${subject.threads}: ${show(runs.at(-1).times, 0)} ms, ready ${runs.at(-1).ready.toFixed(0)} ms`);
      }
    }
  } finally {
    await server.close();
  }
  say(`\nbase-224, ${values.rounds} rounds in turn (median, min to max of the rounds' medians)\n${table(results)}`);
  say(`\nRatios, round by round\n${ratios(results)}`);
  say(`\nControl: two processes at once do ${show(control, 2)} times the work of one.`);
  const machine = { cpu: cpus()[0].model.trim(), cores: cpus().length, node: process.version };
  if (values.json) writeFileSync(values.json, JSON.stringify({ machine, control, results }, null, 1));
  if (values.svg) {
    const rows = results.map(({ name, peer, threads, runs }) => ({ name, threads, ours: peer === OURS, ...spread(runs.map((r) => spread(r.times).median)) }));
    writeFileSync(values.svg, plot(rows, `base-224, Chromium, ${machine.cpu}, ${machine.cores} cores; line: least to most of ${values.rounds} rounds`));
  }
});
