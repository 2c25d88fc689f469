// How often heads that are taught by a few pictures are right about others: Teacher's by layer and with the layer that it chooses, and
// Teachable Machine's (a dense layer of 100 with ReLU, softmax, Adam at 1e-3, 50 epochs of batches of 16) on the last layer's features.
// Means of five draws of 5, 10 and 20 pictures a class; features are the library's own.
//   python tools/bench/few_shot_pictures.py FOLDER; node tools/bench/few-shot.mjs FOLDER [--build BUILD] [--without-dense] [--json FILE]
// Needs a release build, and for the pictures numpy, pillow and scikit-learn.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createEngine, Teacher } from '../../dist/node.js';
import { root } from '../places.mjs';
import { main, say } from '../report.mjs';

/** [name, task, checkpoint] */
const CASES = [
  ['scenes, from masked images', 'scenes', 'masked-image-modeling'],
  ['light, from the classifier', 'light', 'classifier'],
  ['light, from masked images', 'light', 'masked-image-modeling'],
  ['digits, from masked images', 'digits', 'masked-image-modeling'],
];

const HIDDEN = 100;
const EPOCHS = 50;
const BATCH = 16;

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Returns the pooled states of pictures, (layers + 1) x C numbers each, by a checkpoint of the repository. */
async function featuresOf(engine, checkpoint, pictures, count, size) {
  const teacher = await Teacher.from(join(root, 'weights/embedded', checkpoint), { engine });
  const each = size * size * 3;
  const features = [];
  for (let i = 0; i < count; ++i) {
    const image = { width: size, height: size, channels: 3, data: pictures.subarray(i * each, (i + 1) * each) };
    await teacher.add('picture', image);
  }
  // A project is the features of all pictures behind a header.
  const project = teacher.project();
  const header = Number(new DataView(project.buffer).getBigUint64(0, true));
  const values = new Float32Array(project.slice(8 + header).buffer);
  const { layers } = teacher;
  for (let i = 0; i < count; ++i) features.push(values.subarray((i * values.length) / count, ((i + 1) * values.length) / count));
  await teacher.dispose();
  return { features, layers };
}

const layerOf = (features, layer, layers) =>
  features.subarray(((layer - 1) * features.length) / layers, (layer * features.length) / layers);

function scoresOf({ weight, bias }, x) {
  return bias.map((value, k) => {
    let sum = value;
    for (let c = 0; c < x.length; ++c) sum += weight[k * x.length + c] * x[c];
    return sum;
  });
}

const best = (scores) => scores.reduce((found, score, k) => (score > scores[found] ? k : found), 0);

/** Returns the share of pictures of which `tell` names the label. */
const accuracy = (test, labels, tell) => mean(test.map((i) => (tell(i) === labels[i] ? 1 : 0)));

/** Trains two dense layers, and returns the function from features to a class. */
function dense(rows, labels, classes, seed) {
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const channels = rows[0].length;
  const uniform = (inputs, outputs, reach) => Float64Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * reach);
  // As TensorFlow.js begins: variance scaling, then none for the biases.
  const parameters = [
    uniform(channels, HIDDEN, Math.sqrt(3 / ((channels + HIDDEN) / 2))),
    new Float64Array(HIDDEN),
    uniform(HIDDEN, classes, Math.sqrt(3 / ((HIDDEN + classes) / 2))),
    new Float64Array(classes),
  ];
  const moments = parameters.map(({ length }) => [new Float64Array(length), new Float64Array(length)]);
  const [w1, b1, w2, b2] = parameters;
  const forward = (x) => {
    const hidden = new Float64Array(HIDDEN);
    for (let h = 0; h < HIDDEN; ++h) {
      let sum = b1[h];
      for (let c = 0; c < channels; ++c) sum += w1[h * channels + c] * x[c];
      hidden[h] = Math.max(0, sum);
    }
    const logits = new Float64Array(classes);
    for (let k = 0; k < classes; ++k) {
      let sum = b2[k];
      for (let h = 0; h < HIDDEN; ++h) sum += w2[k * HIDDEN + h] * hidden[h];
      logits[k] = sum;
    }
    return { hidden, logits };
  };
  let step = 0;
  for (let epoch = 0; epoch < EPOCHS; ++epoch) {
    const order = rows
      .map((_, i) => [random(), i])
      .sort(([a], [b]) => a - b)
      .map(([, i]) => i);
    for (let at = 0; at < order.length; at += BATCH) {
      const batch = order.slice(at, at + BATCH);
      const gradients = parameters.map(({ length }) => new Float64Array(length));
      for (const i of batch) {
        const { hidden, logits } = forward(rows[i]);
        const most = Math.max(...logits);
        const powers = logits.map((z) => Math.exp(z - most));
        const total = powers.reduce((a, b) => a + b);
        const back = new Float64Array(HIDDEN);
        for (let k = 0; k < classes; ++k) {
          const d = (powers[k] / total - (k === labels[i] ? 1 : 0)) / batch.length;
          gradients[3][k] += d;
          for (let h = 0; h < HIDDEN; ++h) {
            gradients[2][k * HIDDEN + h] += d * hidden[h];
            back[h] += d * w2[k * HIDDEN + h];
          }
        }
        for (let h = 0; h < HIDDEN; ++h) {
          if (hidden[h] === 0) continue;
          gradients[1][h] += back[h];
          for (let c = 0; c < channels; ++c) gradients[0][h * channels + c] += back[h] * rows[i][c];
        }
      }
      ++step;
      for (const [p, values] of parameters.entries())
        for (let j = 0; j < values.length; ++j) {
          const g = gradients[p][j];
          const [m, v] = moments[p];
          m[j] = 0.9 * m[j] + 0.1 * g;
          v[j] = 0.999 * v[j] + 0.001 * g * g;
          values[j] -= (1e-3 * m[j]) / (1 - 0.9 ** step) / (Math.sqrt(v[j] / (1 - 0.999 ** step)) + 1e-7);
        }
    }
  }
  return (x) => best([...forward(x).logits]);
}

async function run(args) {
  const { values: options, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { build: { type: 'string', default: 'simd-threads' }, 'without-dense': { type: 'boolean' }, json: { type: 'string' } },
  });
  const [folder] = positionals;
  const { size, tasks } = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8'));
  const engine = await createEngine({ build: options.build, worker: false });
  const made = new Map();
  const rows = [];
  try {
    for (const [name, task, checkpoint] of CASES) {
      const { pictures, labels, test, draws } = tasks[task];
      const key = `${pictures} ${checkpoint}`;
      if (!made.has(key)) {
        const samples = new Uint8Array(readFileSync(join(folder, `${pictures}.rgb`)));
        made.set(key, await featuresOf(engine, checkpoint, samples, labels.length, size));
      }
      const { features, layers } = made.get(key);
      const classes = Math.max(...labels) + 1;
      for (const [shots, drawn] of Object.entries(draws)) {
        const byLayer = Array.from({ length: layers }, () => []);
        const [taught, left, layer, machine] = [[], [], [], []];
        for (const [seed, taken] of drawn.entries()) {
          const truth = Int32Array.from(taken, (i) => labels[i]);
          const fits = [];
          for (let l = 1; l <= layers; ++l) {
            const examples = Float32Array.from(taken.flatMap((i) => [...layerOf(features[i], l, layers)]));
            const channels = examples.length / taken.length;
            const bursts = Int32Array.from(taken.keys());
            const fit = await engine.fitHead({ features: examples, labels: truth, bursts, channels, classes });
            const right = accuracy(test, labels, (i) => best([...scoresOf(fit, layerOf(features[i], l, layers))]));
            const told = mean(taken.map((_, n) => (best([...fit.scores.subarray(n * classes, (n + 1) * classes)]) === truth[n] ? 1 : 0)));
            byLayer[l - 1].push(right);
            fits.push({ l, right, told, loss: fit.loss });
          }
          const chosen = fits.reduce((a, b) => (b.loss < a.loss ? b : a));
          taught.push(chosen.right);
          left.push(chosen.told);
          layer.push(chosen.l);
          if (options['without-dense']) continue;
          const tell = dense(
            taken.map((i) => layerOf(features[i], layers, layers)),
            [...truth],
            classes,
            seed,
          );
          machine.push(accuracy(test, labels, (i) => tell(layerOf(features[i], layers, layers))));
        }
        const percent = (values) => Number((100 * mean(values)).toFixed(1));
        const row = {
          task: name,
          shots: Number(shots),
          taught: percent(taught),
          leftOut: percent(left),
          layers: layer,
          dense: machine.length > 0 ? percent(machine) : null,
          byLayer: byLayer.map(percent),
        };
        rows.push(row);
        const rival = row.dense === null ? '' : `, dense 100 ReLU on the last layer ${row.dense} %`;
        say(
          `${name}, ${shots} a class: ${row.taught} %, left out ${row.leftOut} %, layers ${layer}${rival}; by layer ${row.byLayer.join(', ')}`,
        );
      }
    }
  } finally {
    await engine.dispose();
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
}

await main(run);
