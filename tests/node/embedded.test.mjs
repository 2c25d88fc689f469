// The embedded checkpoints, held against what PyTorch answers with them (weights/training/train/answers.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  BeitForImageClassification,
  BeitForMaskedImageModeling,
  BeitForSemanticSegmentation,
  createEngine,
  DalleTokenizer,
} from '../../dist/node.js';
import { BUILDS, lacking, root } from './support.mjs';

const answers = JSON.parse(readFileSync(join(root, 'tests/fixtures/embedded.json'), 'utf8'));
const folder = (name) => join(root, 'weights/embedded', name);
const SIDE = 96;
const pixels = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => Math.sin(i / 97));
const pixelValues = { dims: [1, 3, SIDE, SIDE], data: pixels };

/** Largest difference, of values whose largest magnitude is 1. */
function difference(got, wanted) {
  assert.equal(got.length, wanted.length);
  const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return wanted.reduce((most, x, i) => Math.max(most, Math.abs(got[i] - x)), 0) / largest;
}

/** Every EVERYth position of (1, L, h, w), in both directions. */
function thinned({ dims: [, labels, height, width], data }, every) {
  const kept = [];
  for (let l = 0; l < labels; ++l)
    for (let y = 0; y < height; y += every) for (let x = 0; x < width; x += every) kept.push(data[(l * height + y) * width + x]);
  return kept;
}

for (const build of BUILDS) {
  test(`the embedded checkpoints answer as with PyTorch: ${build}`, { skip: lacking(build) }, async () => {
    const engine = await createEngine({ build });
    const classifier = await BeitForImageClassification.fromPretrained(folder('classifier'), { engine });
    assert.ok(difference((await classifier.forward({ pixelValues })).logits.data, answers.classifier) < 2e-5);

    const segmentation = await BeitForSemanticSegmentation.fromPretrained(folder('segmentation'), { engine });
    const { logits } = await segmentation.forward({ pixelValues });
    assert.ok(difference(thinned(logits, answers.every), answers.segmentation) < 2e-5);

    const masked = await BeitForMaskedImageModeling.fromPretrained(folder('masked-image-modeling'), { engine });
    const { height, width } = masked.config.imageSize;
    const patches = (height / masked.config.patchSize.height) * (width / masked.config.patchSize.width);
    const data = Uint8Array.from({ length: patches }, (_, i) => Number(i % answers.hidden === 0));
    const {
      logits: {
        dims: [, , vocabulary],
        data: scores,
      },
    } = await masked.forward({ pixelValues, boolMaskedPos: { dims: [1, patches], data } });
    const rows = [...data.keys()].filter((i) => data[i]).map((i) => scores.subarray(i * vocabulary, (i + 1) * vocabulary));
    assert.deepEqual(
      rows.map((row) => row.indexOf(Math.max(...row))),
      answers['masked-image-modeling'].tokens,
    );
    assert.ok(
      difference(
        rows.map((row) => Math.max(...row)),
        answers['masked-image-modeling'].logits,
      ) < 2e-5,
    );

    const tokenizer = await DalleTokenizer.fromPretrained(folder('tokenizer'), { engine });
    const { tokens } = await tokenizer.encodePixels({ dims: [1, 3, SIDE, SIDE], data: pixels.map((x) => x / 2 + 0.5) });
    assert.deepEqual([...tokens.data], answers.tokenizer);
    await engine.dispose();
  });
}
