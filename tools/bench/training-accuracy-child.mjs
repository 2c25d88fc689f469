// What training_accuracy.py asks of the library, as JSON:
//   settings METHOD WIDTH STEPS: the recipe of that method
//   train METHOD FOLDER BATCH STEPS THREADS: the losses of a run on the folder's pixels, and what it answers about the test's
import { openAsBlob, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTrainingEngine } from '../../dist/api/engines.js';
import { fullRecipe, settingsOf } from '../../dist/api/training/options.js';
import { sourceOf } from '../../dist/api/configure.js';

const [what, method, ...rest] = process.argv.slice(2);
const settings = (width, steps) => settingsOf(fullRecipe({ method, augment: 'none' }, width), steps);

async function train(folder, batch, steps, threads) {
  const start = join(folder, 'start');
  const text = (name) => readFileSync(join(start, name), 'utf8');
  const engine = await createTrainingEngine({ build: 'relaxed-threads', threads, worker: false });
  const configJson = text('config.json');
  const config = JSON.parse(configJson);
  const { handle } = await engine.openTrainer(await sourceOf(start, {}), {
    configJson,
    processorJson: text('preprocessor_config.json'),
    settings: settings(config.hidden_size, steps),
    batch,
    microBatch: 4,
    keepHead: true,
    keep: 0,
    keepStates: 0,
    views: 0,
    masking: null,
  });
  const each = config.num_channels * config.image_size ** 2;
  const blobs = { training: await openAsBlob(join(folder, 'training.u8')), test: await openAsBlob(join(folder, 'test.u8')) };
  const labels = JSON.parse(readFileSync(join(folder, 'labels.json'), 'utf8'));
  const examplesOf = async (name, first, labelOf) => {
    const bytes = new Uint8Array(await blobs[name].slice(first * each, (first + batch) * each).arrayBuffer());
    return Array.from({ length: bytes.length / each }, (_, i) => ({
      picture: first + i,
      label: labelOf(first + i),
      image: null,
      pixels: Float32Array.from(bytes.subarray(i * each, (i + 1) * each), (value) => value / 127.5 - 1),
    }));
  };
  const before = process.cpuUsage();
  const losses = [];
  for (let step = 0; step < steps; ++step) {
    const examples = await examplesOf('training', step * batch, (i) => labels[i]);
    losses.push((await engine.train(handle, 'step', { examples, epoch: 0 })).loss);
  }
  const { user, system } = process.cpuUsage(before);
  const answers = [];
  for (let first = 0; first * each < blobs.test.size; first += batch)
    answers.push(...(await engine.train(handle, 'judge', { examples: await examplesOf('test', first, () => 0) })).answers);
  await engine.dispose();
  return { losses, answers, seconds: (user + system) / 1e6 };
}

console.log(JSON.stringify(what === 'settings' ? settings(...rest.map(Number)) : await train(rest[0], ...rest.slice(1).map(Number))));
