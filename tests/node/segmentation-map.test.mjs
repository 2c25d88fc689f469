// From logits to labels: against the reference's own labels, and how much memory it takes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitImageProcessor, createEngine } from '../../dist/node.js';
import { root } from './support.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

// The same numbers as in tests/fixtures/segmentation/make_labels.py.
function logitsOf(...dims) {
  let state = 1;
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  });
  return { dims: [1, ...dims], data };
}

for (const [height, width] of [
  [97, 133],
  [9, 13],
  [20, 30],
]) {
  test(`labels at ${height} x ${width} are the reference's`, async () => {
    const processor = await BeitImageProcessor.fromJSON({}, { engine });
    const path = join(root, `tests/fixtures/segmentation/${height}x${width}.png`);
    const expected = await engine.decodeImage(new Uint8Array(readFileSync(path)), path);
    assert.deepEqual([expected.height, expected.width], [height, width]);
    const targetSizes = height === 20 ? null : [{ height, width }];
    const [{ labels }] = await processor.postProcessSemanticSegmentation({ logits: logitsOf(7, 20, 30) }, { targetSizes });
    const same = labels.filter((label, i) => label === expected.data[i * 3]).length;
    assert.ok(same >= 0.9999 * height * width, `${same} of ${height * width}`);
    assert.equal(new Set(labels).size, 7);
    await processor.dispose();
  });
}

test('memory follows the pixels and the labels, not their product', async () => {
  const own = await createEngine({ build: 'simd' });
  const processor = await BeitImageProcessor.fromJSON({}, { engine: own });
  const [labels, side, target] = [150, 16, 1024];
  const logits = logitsOf(labels, side, side);
  const before = await own.memory();
  const [map] = await processor.postProcessSemanticSegmentation({ logits }, { targetSizes: [[target, target]], scores: true });
  const after = await own.memory();
  assert.equal(new Set(map.labels).size, labels);
  // The heap only grows, so that its size afterwards is its peak: logits twice, a row, labels, scores.
  const needed = 4 * (2 * labels * side * side + labels * target) + 6 * target * target;
  assert.ok(4 * labels * target * target > 30 * needed, 'the product is far larger');
  const growth = after.heap - before.heap;
  assert.ok(growth <= 4 * needed, `${growth} bytes for ${needed}`);
  assert.equal(after.used, before.used, 'all is given back');
  await processor.dispose();
  await own.dispose();
});
