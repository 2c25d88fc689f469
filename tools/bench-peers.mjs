// `npm run bench:peers`: this library, onnxruntime-web and LiteRT.js on the same checkpoint, in turn, in
// browsers and in Node: time of an image, time until ready, peak memory, bytes of wasm, difference to PyTorch.
//   npm run bench:peers -- [classification|segmentation|webgpu...] [--size base|large] [--image-size N]
//                          [--places chromium,firefox,webkit,node] [--threads 1,2] [--js-flags FLAGS]
//                          [--rounds N] [--passes N] [--only WORD] [--json FILE] [--svg FILE]
//     classification   base-224 (the default)
//     segmentation     base-ADE-640, two threads: onnxruntime-web takes a minute for an image
//     webgpu           base's depth with 96 channels at 96 pixels, by the WebGPU engines of this library and onnxruntime-web in one page of
//                      Chromium, whose adapter is software where there is no GPU: times by turns (15), dispatches and submits
//     --js-flags       of V8, in Chromium and Node: "--wasm-revectorize"
//     --json           all figures, with the machine's, the engines' and the flags' names
// Optional: it needs Python with pip, and fetches PyTorch and the peers into the tools' folder.
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureInBrowser, raceInChromium, servePeers, versionOf } from './bench/peers/browser.mjs';
import { twoCores } from './bench/peers/control.mjs';
import { exportModels, npmPackages } from './bench/peers/environment.mjs';
import { measureInNode } from './bench/peers/node.mjs';
import { plot } from './bench/peers/plot.mjs';
import { show, spread } from './bench/statistics.mjs';
import { buildRelease } from './build.mjs';
import { root, tools } from './places.mjs';
import { Failure, main, run, say } from './report.mjs';
import { setUp } from './setup.mjs';

const OURS = 'beit-wasm';
const ORT = 'onnxruntime-web';
const LITERT = 'LiteRT.js';
const BROWSERS = { chromium: 'Chromium', firefox: 'Firefox', webkit: 'WebKit' };
const PLACES = { ...BROWSERS, node: 'Node' };
const ALL = Object.keys(PLACES);
const RELAXED = ALL.filter((place) => place !== 'webkit'); // which has no relaxed SIMD
const PAGES = RELAXED.filter((place) => place !== 'node');
const USUAL = ['chromium', 'node'];

/** Every row of a table but the threads. LiteRT.js runs in pages only. */
const TASKS = {
  classification: {
    imageSize: 224,
    labels: 1000,
    subjects: [
      { name: 'beit-wasm f32, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'f32', places: RELAXED },
      { name: 'beit-wasm f32, simd', peer: OURS, build: 'simd-threads', dtype: 'f32', places: ALL },
      { name: 'beit-wasm int8, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'int8', places: RELAXED },
      { name: 'beit-wasm int8, simd', peer: OURS, build: 'simd-threads', dtype: 'int8', places: ALL },
      { name: 'onnxruntime-web f32', peer: ORT, file: 'model.onnx', dtype: 'f32', places: ALL },
      { name: 'onnxruntime-web QUInt8', peer: ORT, file: 'model-QUInt8.onnx', dtype: 'int8', places: ALL },
      { name: 'onnxruntime-web QInt8', peer: ORT, file: 'model-QInt8.onnx', dtype: 'int8', places: ALL },
      { name: 'LiteRT.js f32', peer: LITERT, file: 'model.tflite', dtype: 'f32', places: PAGES },
      { name: 'LiteRT.js f32, no relaxed SIMD', peer: LITERT, file: 'model.tflite', dtype: 'f32', compatible: true, threads: [1] },
      { name: 'LiteRT.js int8', peer: LITERT, file: 'model-int8.tflite', dtype: 'int8', places: PAGES },
    ],
    warmUps: 3, // until V8 runs the fast code of every library
  },
  segmentation: {
    data: 'ADE',
    imageSize: 640,
    labels: 150,
    subjects: [
      { name: 'beit-wasm f32, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'f32', places: RELAXED, threads: [2] },
      { name: 'beit-wasm int8, relaxed', peer: OURS, build: 'relaxed-threads', dtype: 'int8', places: RELAXED, threads: [2] },
      // Its optimiser needs more than the 4 GB that there are.
      {
        name: 'onnxruntime-web f32, unoptimised',
        peer: ORT,
        file: 'model.onnx',
        optimization: 'disabled',
        dtype: 'f32',
        places: ALL,
        threads: [2],
      },
    ],
    warmUps: 0,
    passes: 1, // a minute for onnxruntime-web
  },
  webgpu: {
    kind: 'classification',
    size: 'narrow',
    imageSize: 96,
    labels: 1000,
    warmUps: 2,
    passes: 15,
  },
};

const one = ({ times }) => spread(times).median;

function table(results) {
  const rows = [['', 'in', 'threads', 'one image, ms', 'ready, ms', 'peak, MB', 'wasm, MB', 'largest logit error']];
  for (const { name, place, threads, runs } of results) {
    const last = runs.at(-1);
    rows.push([
      name,
      PLACES[place],
      String(threads),
      show(runs.map(one), 0),
      show(
        runs.map((r) => r.ready),
        0,
      ),
      show(
        runs.map((r) => r.peak / 1e6),
        0,
      ),
      (last.wasm / 1e6).toFixed(2),
      last.largest.toExponential(1),
    ]);
  }
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')).join('\n');
}

const threadsOf = ({ threads }) => `${threads} thread${threads > 1 ? 's' : ''}`;

/** Ratios round by round, since the machine's speed drifts: how many times faster ours is, and so on. */
function ratios(results) {
  const lines = [];
  for (const mine of results.filter(({ peer }) => peer === OURS)) {
    for (const other of results.filter(
      ({ peer, place, dtype, threads }) => peer !== OURS && place === mine.place && dtype === mine.dtype && threads === mine.threads,
    )) {
      const by = (value) =>
        show(
          mine.runs.map((r, i) => value(other.runs[i]) / value(r)),
          2,
        );
      lines.push(
        `  ${mine.name} against ${other.name}, ${PLACES[mine.place]}, ${threadsOf(mine)}: faster ${by(one)}, ` +
          `ready ${by((r) => r.ready)}, memory ${show(
            mine.runs.map((r, i) => r.peak / other.runs[i].peak),
            2,
          )}`,
      );
    }
  }
  for (const single of results.filter(({ threads }) => threads === 1)) {
    const double = results.find(({ name, place, threads }) => name === single.name && place === single.place && threads === 2);
    if (double)
      lines.push(
        `  ${single.name}, ${PLACES[single.place]}: 2 threads over 1 ${show(
          single.runs.map((r, i) => one(r) / one(double.runs[i])),
          2,
        )}`,
      );
  }
  return lines.join('\n');
}

/** Returns what a model is called: "base-224", "large-ADE-640". */
const titleOf = (task, plan) => {
  const { size, imageSize, data } = { ...TASKS[task], ...changes(task, plan) };
  return [size, data, imageSize].filter(Boolean).join('-');
};

/** What a person asks for besides; a task that has a size of its own keeps it. */
const changes = (task, { size, imageSize }) => (TASKS[task].size ? {} : { size, ...(imageSize && { imageSize }) });

/** Returns where the task's checkpoint and exports are, made if they are not there. */
async function prepare(task, plan, peers) {
  const name = titleOf(task, plan).toLowerCase();
  const checkpoint = join(tools, 'bench', name);
  if (!existsSync(join(checkpoint, 'model.safetensors'))) {
    const { kind = task, size, imageSize, labels } = { ...TASKS[task], ...changes(task, plan) };
    const options = { task: kind, size, 'image-size': imageSize, labels };
    const words = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
    await run(process.execPath, [join(root, 'tools', 'random-checkpoint.mjs'), checkpoint, ...words], { log: `random-checkpoint-${name}` });
  }
  return { checkpoint, models: await exportModels(peers, task, name, checkpoint) };
}

/**
 * Measures a subject. A peer that fails is tried again, twice, so that what was measured so far is not lost: onnxruntime-web with threads in WebKit
 * ends now and then before its session is there. This library has to work at once.
 */
async function measureStubbornly(measure, task, subject, passes) {
  for (let left = 2; ; --left) {
    try {
      return await measure(task, subject, passes);
    } catch (error) {
      if (subject.peer === OURS || left === 0) throw error;
      say(`  ${subject.name}, ${PLACES[subject.place]}, ${subject.threads}, is tried again: ${error.message.slice(0, 200)}`);
    }
  }
}

/** Runs a task's subjects in turn, round after round. Returns { control, results }. */
async function measureTask(task, plan, measure) {
  const { rounds, threads: wanted, places, only } = plan;
  const { subjects, warmUps, passes = plan.passes } = TASKS[task];
  const title = titleOf(task, plan);
  const results = subjects
    .filter(({ name }) => !only || name.includes(only))
    .flatMap(({ places: where = Object.keys(BROWSERS), threads = wanted, ...subject }) =>
      where
        .filter((place) => places.includes(place))
        .flatMap((place) =>
          threads.filter((count) => wanted.includes(count)).map((count) => ({ ...subject, task, place, threads: count, runs: [] })),
        ),
    );
  const control = [];
  for (let round = 0; round < rounds; ++round) {
    control.push(await twoCores());
    for (const { runs, ...subject } of results) {
      runs.push(await measureStubbornly(measure, task, subject, { warmUps, passes }));
      say(
        `  round ${round + 1}, ${subject.name}, ${PLACES[subject.place]}, ${subject.threads}: ${show(runs.at(-1).times, 0)} ms, ready ${runs.at(-1).ready.toFixed(0)} ms`,
      );
    }
  }
  say(`\n${title}, ${rounds} rounds in turn (median, min to max of the rounds' medians)\n${table(results)}`);
  say(`\nRatios, round by round\n${ratios(results)}`);
  say(`\nControl: two processes at once do ${show(control, 2)} times the work of one.\n`);
  return { model: title, control, results };
}

/** Has both WebGPU engines run one model by turns. */
async function raceOnGpu(server) {
  const { warmUps, passes } = TASKS.webgpu;
  const { device, ours, theirs } = await raceInChromium(server, { task: 'webgpu', warmUps, passes });
  say(`\nWebGPU: ${device}`);
  for (const [name, { times, dispatches, submits, error }] of [
    [OURS, ours],
    [ORT, theirs],
  ])
    say(
      `  ${name.padEnd(16)} ${show(times, 0)} ms (median, min to max of ${passes} turns), ${dispatches} dispatches in ${submits} submits, ` +
        `${error.toExponential(1)} of their length off PyTorch's logits`,
    );
  say(
    `  faster ${show(
      ours.times.map((time, i) => theirs.times[i] / time),
      2,
    )}\n`,
  );
  return { device, results: [], ours, theirs };
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      passes: { type: 'string', default: '5' },
      threads: { type: 'string', default: '1,2' },
      places: { type: 'string', default: USUAL.join() },
      size: { type: 'string', default: 'base' },
      'image-size': { type: 'string' },
      'js-flags': { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      svg: { type: 'string' },
    },
  });
  const wrong = positionals.find((name) => !Object.hasOwn(TASKS, name));
  if (wrong) throw new Failure(`There is no task ${wrong}; there are ${Object.keys(TASKS).join(', ')}.`);
  const tasks = positionals.length > 0 ? positionals : ['classification'];
  const plan = {
    rounds: Number(values.rounds),
    passes: Number(values.passes),
    threads: values.threads.split(',').map(Number),
    places: values.places.split(','),
    only: values.only,
    size: values.size,
    imageSize: values['image-size'],
    flags: values['js-flags'],
  };
  const nowhere = plan.places.find((name) => !Object.hasOwn(PLACES, name));
  if (nowhere) throw new Failure(`There is no place ${nowhere}; there are ${ALL.join(', ')}.`);
  await buildRelease(await setUp({ browsers: true }));
  const peers = join(tools, 'bench', 'peers');
  const npm = await npmPackages(peers);
  const folders = {};
  for (const task of tasks) folders[task] = await prepare(task, plan, peers);
  const server = await servePeers(folders, npm);
  const figures = {};
  const measure = (task, subject, how) =>
    subject.place === 'node'
      ? measureInNode({ ...folders[task], npm }, subject, how, plan.flags)
      : measureInBrowser(subject.place, server, subject, how, plan.flags);
  try {
    for (const task of tasks) {
      figures[task] = task === 'webgpu' ? await raceOnGpu(server) : await measureTask(task, plan, measure);
    }
  } finally {
    await server.close();
  }
  const machine = { cpu: cpus()[0].model.trim(), cores: cpus().length, node: process.version };
  if (values.json) {
    const engines = {};
    for (const place of plan.places) engines[place] = place === 'node' ? `Node/${process.version}` : await versionOf(place);
    writeFileSync(values.json, JSON.stringify({ machine, engines, flags: plan.flags ?? '', ...figures }, null, 1));
  }
  if (values.svg) {
    const [place] = plan.places;
    const groups = tasks
      .flatMap((task) =>
        plan.threads.map((threads) => ({
          title: `${figures[task].model}, ${threadsOf({ threads })}`,
          rows: figures[task].results
            .filter((result) => result.place === place && result.threads === threads)
            .map(({ name, peer, runs }) => ({ name, ours: peer === OURS, ...spread(runs.map(one)) })),
        })),
      )
      .filter(({ rows }) => rows.length > 0);
    writeFileSync(
      values.svg,
      plot(
        groups,
        `Time of one image in ${PLACES[place]}, ${machine.cpu}, ${machine.cores} cores; line: least to most of ${values.rounds} rounds`,
      ),
    );
  }
});
