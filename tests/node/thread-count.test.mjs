// Answers do not depend on the number of threads, to the last bit.
import assert from 'node:assert/strict';
import test from 'node:test';
import { settingsOf } from '../../dist/api/engines.js';
import { LocalEngine } from '../../dist/engine/local.js';
import { BeitForImageClassification, BeitForSemanticSegmentation } from '../../dist/node.js';
import { randomFiles } from './random-files.mjs';
import { BUILDS, lacking } from './support.mjs';

// Just large enough for every way to compute: Strassen's (96 rows, 256 inputs and outputs), and Winograd's (2048
// pixels of 64 channels).
const CASES = [
  [
    'classification',
    BeitForImageClassification,
    'f32',
    { hidden: 256, layers: 1, heads: 4, intermediate: 512, layerScale: 0.1, imageSize: 160, labels: 20 },
  ],
  [
    'segmentation',
    BeitForSemanticSegmentation,
    'f32',
    {
      task: 'segmentation',
      hidden: 64,
      layers: 4,
      heads: 2,
      intermediate: 128,
      layerScale: 0.1,
      taps: [1, 2, 3, 4],
      imageSize: 192,
      labels: 9,
    },
  ],
];
CASES.splice(1, 0, ['classification', BeitForImageClassification, 'int8', CASES[0][3]]);

for (const build of BUILDS.filter((name) => name !== 'simd')) {
  test(`${build}: one thread, several, and fewer than there are give the same bits`, { skip: lacking(build) }, async () => {
    for (const [task, Class, dtype, model] of CASES) {
      const files = randomFiles(model);
      const dims = [1, 3, model.imageSize, model.imageSize];
      const pixelValues = { dims, data: Float32Array.from({ length: 3 * model.imageSize ** 2 }, (_, i) => Math.sin(i / 37)) };
      let expected = null;
      for (const [threads, limits] of [
        [1, [1]],
        [2, [2, 1]],
        [3, [3, 2]],
        [8, [8, 5, 1]],
      ]) {
        const engine = await LocalEngine.create(settingsOf({ build, threads }), { kind: 'node', cores: 2, mayBlock: true }, false);
        try {
          const loaded = await Class.fromPretrained(files, { engine, dtype });
          for (const limit of limits) {
            engine.core.limitThreads(limit);
            const { logits } = await loaded.forward({ pixelValues });
            assert.ok(logits.data.every(Number.isFinite));
            expected ??= logits.data;
            assert.deepEqual(logits.data, expected, `${task}, ${dtype}: ${limit} of ${threads} threads`);
          }
        } finally {
          await engine.dispose();
        }
      }
    }
  });
}
