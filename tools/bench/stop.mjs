// Batches of images in one pass, in Node: their processor time by that of as many single passes, their longest step, and how long a pass in
// a worker that is stopped at any moment goes on until its call rejects.
//   node tools/bench/stop.mjs MODEL [--images 8] [--threads 2] [--dtype f32] [--rounds 5] [--stops 20] [--dist FOLDER...]
// MODEL is a folder with a checkpoint (tools/random-checkpoint.mjs); of several builds (--dist) each has its turn in every round. Only what
// --stops measures needs a quiet machine.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { root } from '../places.mjs';
import { Failure, main, say } from '../report.mjs';
import { show, spread } from './statistics.mjs';

/** Milliseconds of processors since `begin`. */
function processorTime(begin) {
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      images: { type: 'string', default: '8' },
      threads: { type: 'string', default: '2' },
      dtype: { type: 'string', default: 'f32' },
      rounds: { type: 'string', default: '5' },
      stops: { type: 'string', default: '20' },
      dist: { type: 'string', multiple: true, default: [join(root, 'dist')] },
    },
  });
  const [folder] = positionals;
  if (!folder)
    throw new Failure('usage: node tools/bench/stop.mjs MODEL [--images N] [--threads N] [--rounds N] [--stops N] [--dist FOLDER]...');
  const [images, threads, rounds, stops] = [values.images, values.threads, values.rounds, values.stops].map(Number);

  const builds = [];
  for (const dist of values.dist) {
    const { BeitForImageClassification: Classifier } = await import(pathToFileURL(join(resolve(dist), 'node.js')));
    const open = (worker) => Classifier.fromPretrained(folder, { threads, worker, dtype: values.dtype });
    builds.push({ dist, open, model: await open(false), ratios: [], steps: [], late: [] });
  }
  const { height, width } = builds[0].model.config.imageSize;
  const one = 3 * height * width;
  const data = Float32Array.from({ length: images * one }, (_, i) => Math.sin(i));
  const inputs = (first, count) => ({
    pixelValues: { dims: [count, 3, height, width], data: data.subarray(first * one, (first + count) * one) },
  });
  for (let round = -1; round < rounds; ++round) {
    for (const { model, ratios, steps } of builds) {
      let longest = 0;
      let begin = process.cpuUsage();
      const whole = begin;
      const onStep = () => {
        longest = Math.max(longest, processorTime(begin) / threads);
        begin = process.cpuUsage();
      };
      await model.forward(inputs(0, images), { onStep });
      const together = processorTime(whole);
      const alone = process.cpuUsage();
      for (let i = 0; i < images; ++i) await model.forward(inputs(i, 1));
      if (round < 0) continue; // until the engine runs its fast code
      ratios.push(together / processorTime(alone));
      steps.push(longest);
    }
  }
  for (const { model } of builds) await model.dispose();
  for (const { open, late } of stops > 0 ? builds : []) {
    const model = await open(true);
    const timed = performance.now();
    await model.forward(inputs(0, images));
    const pass = performance.now() - timed;
    for (let stop = 0; stop < stops; ++stop) {
      const controller = new AbortController();
      const end = model.forward(inputs(0, images), { signal: controller.signal }).then(
        () => null,
        () => performance.now(),
      );
      await new Promise((wake) => setTimeout(wake, (0.9 * pass * (stop + 0.5)) / stops));
      const begin = performance.now();
      controller.abort();
      const at = await end;
      if (at !== null) late.push(at - begin);
    }
    await model.dispose();
  }
  for (const { dist, ratios, steps, late } of builds) {
    say(`${dist}, ${images} images, ${threads} thread(s)`);
    say(`  at once, of single passes    ${spread(ratios).median.toFixed(3)} (${ratios.map((ratio) => ratio.toFixed(3)).join(', ')})`);
    say(`  longest step, ms a thread    ${show(steps)}`);
    if (late.length > 0) say(`  stopped after, ms            ${show(late)}`);
  }
});
