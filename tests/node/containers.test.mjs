// Every container is loaded in the memory that the model and one tensor take, however large the file
// is, and over servers that tell neither sizes nor ranges.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitError, BeitForImageClassification, createEngine } from '../../dist/node.js';
import { checkpointFiles, chunksOf, countOf, sizeOf } from '../../tools/bench/containers.mjs';
import { configs, stateDict } from '../../tools/random-checkpoint.mjs';
import { fileServer, filesOf, golden, rejects, serve } from './support.mjs';

// In this thread: what is measured is what there is when a listener hears of progress.
const engine = await createEngine({ build: 'simd', worker: false });
test.after(() => engine.dispose());

// 36 MB, a tenth of them in one tensor.
const size = { hidden: 256, layers: 10, heads: 4, intermediate: 1024, layerScale: 0.1, imageSize: 64, labels: 3600 };
// The largest tensor (the classifier's) comes first, so that its buffer is there while the others fill.
const tensors = stateDict(size).reverse();
const config = new TextEncoder().encode(JSON.stringify(configs(size, { torch: 'float32' }).config));
const largest = Math.max(...tensors.map(({ shape }) => 4 * countOf(shape)));
// The memory that a file's bytes are moved through (1 MB), the table of tensors, the model's own lists.
const SMALL = 2 << 20;

/** A source of generated files, which are nowhere as a whole. */
function generated(files) {
  return {
    label: 'generated',
    describe: () => null,
    async open(name) {
      const pieces = files[name];
      if (!pieces) throw new BeitError('not-found', `There is no ${name}.`);
      return {
        name,
        size: sizeOf(pieces),
        read: async function* (offset, length) {
          yield* chunksOf(pieces, offset, length);
        },
        async close() {},
      };
    },
  };
}

let expected;
for (const [name, files] of Object.entries(checkpointFiles(tensors))) {
  test(`${name}: loading takes the packed weights and the largest tensor`, async () => {
    const before = (await engine.memory()).used;
    const uses = [];
    const model = await BeitForImageClassification.fromPretrained(generated({ 'config.json': [config], ...files }), {
      engine,
      onProgress: () => uses.push(engine.memory()),
    });
    const peak = Math.max(...(await Promise.all(uses)).map(({ used }) => used)) - before;
    const { weights } = model.estimate;
    const { logits } = await model.forward({ pixelValues: { dims: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64).fill(0.5) } });
    await model.dispose();
    assert.ok(uses.length > 30, `measured ${uses.length} times`);
    assert.ok(peak > weights, 'the peak is seen');
    assert.ok(
      peak <= weights + largest + SMALL,
      `${peak} bytes at most, ${peak - weights - largest} above the packed weights (${weights}) and the largest tensor (${largest})`,
    );
    expected ??= logits.data;
    assert.deepEqual(logits.data, expected, 'the same model from every container');
  });
}

const servers = [
  ['without ranges', { ranges: false }],
  ['without lengths', { length: false }],
  ['without ranges and lengths', { ranges: false, length: false }],
];
const formats = ['safetensors-sharded', 'torch-zip', 'torch-legacy', 'flax-classify'];
const pixelValues = { dims: [1, 3, 48, 48], data: Float32Array.from({ length: 3 * 48 * 48 }, (_, i) => Math.sin(i)) };

for (const format of formats) {
  for (const [how, options] of servers) {
    test(`${format} over a server ${how}`, { timeout: 60_000 }, async (t) => {
      const folder = join(golden, 'formats', format);
      const { base } = await serve(t, fileServer(filesOf(folder, ...readdirSync(folder)), options));
      const loading = BeitForImageClassification.fromPretrained(base, { engine });
      if (format === 'torch-zip' && options.length === false) {
        await rejects(loading, 'unsupported', /pytorch_model\.bin.*directory stands at its end.*known size/);
        return;
      }
      const model = await loading;
      const local = await BeitForImageClassification.fromPretrained(folder, { engine });
      assert.deepEqual((await model.forward({ pixelValues })).logits.data, (await local.forward({ pixelValues })).logits.data);
      await model.dispose();
      await local.dispose();
    });
  }
}
