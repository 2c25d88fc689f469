// The most memory that runs of train() take, beside what is told before their first step: each in a process of its own.
//   node tools/bench/training-memory.mjs MODEL METHOD [--micro-batch N] [--batch 32] [--build BUILD] [--steps 1]
// MODEL is small (the embedded classifier), base or large (224 pixels, random weights, made in build/bench). Needs a release build.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { createTrainingEngine } from '../../dist/api/engines.js';
import { train } from '../../dist/node.js';
import { root } from '../places.mjs';
import { main, say } from '../report.mjs';

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    'micro-batch': { type: 'string' },
    batch: { type: 'string', default: '32' },
    build: { type: 'string', default: 'relaxed-threads' },
    steps: { type: 'string', default: '1' },
  },
});

function checkpointOf(model) {
  if (model === 'small') return join(root, 'weights', 'embedded', 'classifier');
  const folder = join(root, 'build', 'bench', `training-${model}`);
  if (!existsSync(join(folder, 'model.safetensors')))
    spawnSync(process.execPath, [join(root, 'tools/random-checkpoint.mjs'), folder, '--size', model, '--labels', '16'], {
      stdio: 'inherit',
    });
  return folder;
}

/** A picture of noise, and its label: one of 16. */
function picture(number) {
  const data = new Uint8Array(224 * 224 * 3);
  for (let i = 0, state = number + 1; i < data.length; ++i) data[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  return { image: { width: 224, height: 224, channels: 3, data }, label: `LABEL_${number % 16}` };
}

main(async () => {
  const [model, method] = positionals;
  const batch = Number(options.batch);
  const data = Array.from({ length: Math.max(batch, 16) }, (_, i) => picture(i));
  const source = checkpointOf(model);
  const engine = await createTrainingEngine({ build: options.build, threads: 1, worker: false });
  const [before, used] = [process.memoryUsage.rss(), (await engine.memory()).used];
  const microBatch = options['micro-batch'] && Number(options['micro-batch']);
  const run = train({ model: source, data, method, batch, microBatch, validation: 0, epochs: Number(options.steps), engine });
  const { estimate } = await run.open();
  let last = null;
  for await (const step of run) if ((last = step).step === Number(options.steps)) run.stop();
  const { peak } = await engine.memory();
  const process_ = process.resourceUsage().maxRSS * 1024;
  const mb = (bytes) => (bytes / 1e6).toFixed(0);
  say(
    `${model} ${method}, batch ${batch}, micro-batch ${microBatch ?? 'as by default'}: told ${mb(estimate)} MB, taken ${mb(peak - used)} MB ` +
      `(${((100 * estimate) / (peak - used) - 100).toFixed(1)} % off); process ${mb(process_)} MB, before it ${mb(before)} MB; ${last.picturesPerSecond.toFixed(2)} pictures/s`,
  );
  await engine.dispose();
});
