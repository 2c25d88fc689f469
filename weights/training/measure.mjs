// Measures the embedded checkpoints with the library, on held-out pictures that train.heldout has written:
//   node weights/training/measure.mjs HELDOUT FIGURES.json [TASK...]     tasks: classifier, segmentation, tokenizer, masked-image-modeling
//
// Figures of tasks that are not run are kept. Tables are {rows: what was drawn, columns: what was said}.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  BeitForImageClassification,
  BeitForMaskedImageModeling,
  BeitForSemanticSegmentation,
  BeitImageProcessor,
  blockMask,
  createEngine,
  DalleTokenizer,
} from '../../dist/node.js';

const BATCH = 20;
/** Pixels without a label: world/names.py. */
const IGNORED = 255;
const MASKED_SHARE = 0.4;
const embedded = fileURLToPath(new URL('../embedded/', import.meta.url));

function heldOut(folder) {
  const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
  const names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8'));
  return { ...names, pictures: read('pictures.bin'), trueSegments: read('segments.bin'), trueScenes: read('scenes.bin') };
}

/** Yields [first, images] of BATCH pictures at a time. */
function* batches({ count, side, pictures }) {
  const bytes = side * side * 3;
  for (let first = 0; first < count; first += BATCH) {
    const images = [];
    for (let i = first; i < Math.min(count, first + BATCH); ++i) {
      images.push({ width: side, height: side, channels: 3, data: pictures.subarray(i * bytes, (i + 1) * bytes) });
    }
    yield [first, images];
  }
}

function indexOfLargest(values) {
  let best = 0;
  for (let i = 1; i < values.length; ++i) if (values[i] > values[best]) best = i;
  return best;
}

function countTable(size) {
  return Array.from({ length: size }, () => new Array(size).fill(0));
}

function diagonalShare(table) {
  const all = table.flat().reduce((sum, x) => sum + x, 0);
  return table.reduce((sum, row, i) => sum + row[i], 0) / all;
}

async function classifier(data, engine, dtype) {
  const folder = join(embedded, 'classifier');
  const model = await BeitForImageClassification.fromPretrained(folder, { engine, dtype });
  const processor = await BeitImageProcessor.fromPretrained(folder, { engine });
  const confusion = countTable(data.scenes.length);
  const answers = new Uint8Array(data.count);
  for (const [first, images] of batches(data)) {
    const { pixelValues } = await processor.preprocess(images);
    const { logits } = await model.forward({ pixelValues });
    const classes = logits.dims[1];
    images.forEach((_, i) => {
      const said = (answers[first + i] = indexOfLargest(logits.data.subarray(i * classes, (i + 1) * classes)));
      ++confusion[data.trueScenes[first + i]][said];
    });
  }
  await model.dispose();
  return { top1: diagonalShare(confusion), confusion, answers };
}

/** The mean is over labels that were drawn. */
function meanIou(table) {
  const each = table.map((row, i) => {
    const drawn = row.reduce((sum, x) => sum + x, 0);
    const said = table.reduce((sum, other) => sum + other[i], 0);
    return drawn > 0 ? row[i] / (drawn + said - row[i]) : null;
  });
  const known = each.filter((x) => x !== null);
  return { meanIou: known.reduce((sum, x) => sum + x, 0) / known.length, iou: each };
}

async function segmentation(data, engine, dtype) {
  const folder = join(embedded, 'segmentation');
  const model = await BeitForSemanticSegmentation.fromPretrained(folder, { engine, dtype });
  const processor = await BeitImageProcessor.fromPretrained(folder, { engine });
  const confusion = countTable(data.segments.length);
  const area = data.side * data.side;
  const answers = new Uint8Array(data.count * area);
  for (const [first, images] of batches(data)) {
    const { pixelValues } = await processor.preprocess(images);
    const outputs = await model.forward({ pixelValues });
    const maps = await processor.postProcessSemanticSegmentation(outputs, { targetSizes: images.map(() => [data.side, data.side]) });
    maps.forEach(({ labels }, i) => {
      const truth = data.trueSegments.subarray((first + i) * area, (first + i + 1) * area);
      answers.set(labels, (first + i) * area);
      for (let at = 0; at < area; ++at) if (truth[at] !== IGNORED) ++confusion[truth[at]][labels[at]];
    });
  }
  await model.dispose();
  return { pixelAccuracy: diagonalShare(confusion), ...meanIou(confusion), confusion, answers };
}

/** Pixels (B, 3, side, side) of 0 to 1. */
function pixelsOf(images) {
  const area = images[0].width * images[0].height;
  const data = new Float32Array(images.length * 3 * area);
  images.forEach((image, b) => {
    for (let c = 0; c < 3; ++c) for (let i = 0; i < area; ++i) data[(b * 3 + c) * area + i] = image.data[i * 3 + c] / 255;
  });
  return { dims: [images.length, 3, images[0].height, images[0].width], data };
}

async function tokenizer(data, engine) {
  const model = await DalleTokenizer.fromPretrained(join(embedded, 'tokenizer'), { engine });
  const counts = new Array(model.vocabSize).fill(0);
  let squares = 0;
  let absolute = 0;
  let all = 0;
  for (const [, images] of batches(data)) {
    const pixels = pixelsOf(images);
    const { tokens } = await model.encodePixels(pixels);
    const { reconstruction } = await model.decodeTokens(tokens);
    for (const token of tokens.data) ++counts[token];
    pixels.data.forEach((x, i) => {
      const difference = x - reconstruction.data[i];
      squares += difference * difference;
      absolute += Math.abs(difference);
    });
    all += pixels.data.length;
  }
  await model.dispose();
  const tokens = counts.reduce((sum, x) => sum + x, 0);
  const entropy = counts.reduce((sum, x) => sum - (x > 0 ? (x / tokens) * Math.log(x / tokens) : 0), 0);
  return {
    psnr: -10 * Math.log10(squares / all),
    meanAbsolute: absolute / all,
    codesUsed: counts.filter((x) => x > 0).length,
    perplexity: Math.exp(entropy),
  };
}

async function maskedImageModeling(data, engine, dtype) {
  const folder = join(embedded, 'masked-image-modeling');
  const model = await BeitForMaskedImageModeling.fromPretrained(folder, { engine, dtype });
  const processor = await BeitImageProcessor.fromPretrained(folder, { engine });
  const tokenizerModel = await DalleTokenizer.fromPretrained(join(embedded, 'tokenizer'), { engine });
  const counts = new Array(tokenizerModel.vocabSize).fill(0);
  let right = 0;
  let hidden = 0;
  for (const [first, images] of batches(data)) {
    const { pixelValues } = await processor.preprocess(images);
    const {
      tokens: {
        dims: [, height, width],
        data: truth,
      },
    } = await tokenizerModel.encodePixels(pixelsOf(images));
    const patches = height * width;
    const mask = new Uint8Array(images.length * patches);
    images.forEach((_, i) => mask.set(blockMask({ height, width, ratio: MASKED_SHARE, seed: first + i }).data, i * patches));
    const { logits } = await model.forward({ pixelValues, boolMaskedPos: { dims: [images.length, patches], data: mask } });
    const vocab = logits.dims[2];
    for (let i = 0; i < mask.length; ++i) {
      if (!mask[i]) continue;
      ++hidden;
      ++counts[truth[i]];
      if (indexOfLargest(logits.data.subarray(i * vocab, (i + 1) * vocab)) === truth[i]) ++right;
    }
  }
  await model.dispose();
  await tokenizerModel.dispose();
  return { tokenAccuracy: right / hidden, mostFrequent: Math.max(...counts) / hidden, chance: 1 / counts.length, hidden };
}

const TASKS = { classifier, segmentation, tokenizer, 'masked-image-modeling': maskedImageModeling };

const [folder, output, ...chosen] = process.argv.slice(2);
const unknown = chosen.filter((task) => !(task in TASKS));
if (!output || unknown.length > 0) {
  console.error(
    `${unknown.length > 0 ? `There is no task ${unknown.join(', ')}. ` : ''}Usage: node weights/training/measure.mjs HELDOUT FIGURES.json [${Object.keys(TASKS).join('|')}]...`,
  );
  process.exit(2);
}
const data = heldOut(folder);
const figures = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : {};
const engine = await createEngine();
for (const task of chosen.length > 0 ? chosen : Object.keys(TASKS)) {
  let exact;
  for (const dtype of task === 'tokenizer' ? ['f32'] : ['f32', 'int8']) {
    const { answers, ...result } = await TASKS[task](data, engine, dtype);
    if (dtype === 'f32') exact = answers;
    else if (answers) result.asInF32 = answers.reduce((sum, answer, i) => sum + Number(answer === exact[i]), 0) / answers.length;
    figures[task] = { ...figures[task], count: data.count, split: data.split, [dtype]: result };
    const { confusion, iou, ...short } = result;
    console.log(task, dtype, JSON.stringify(short));
    writeFileSync(output, `${JSON.stringify({ ...figures, scenes: data.scenes, segments: data.segments })}\n`);
  }
}
await engine.dispose();
