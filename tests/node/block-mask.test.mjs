// Block-wise masks: what holds for all of them, and the reference's statistics.
import assert from 'node:assert/strict';
import test from 'node:test';
import { blockMask, BeitError } from '../../dist/node.js';

const masked = ({ data }) => data.reduce((sum, value) => sum + value, 0);
const grids = [
  [14, 14],
  [1, 1],
  [1, 9],
  [9, 1],
  [2, 2],
  [3, 200],
  [6, 10],
  [24, 24],
  [40, 25],
];

test('a mask is bytes of 0 and 1, never more than asked for, all or none at the ends', () => {
  for (const [height, width] of grids) {
    const patches = height * width;
    for (const ratio of [0, 0.05, 0.4, 0.75, 0.99, 1]) {
      for (let seed = 0; seed < 40; ++seed) {
        const mask = blockMask({ height, width, ratio, seed });
        assert.deepEqual([mask.height, mask.width, mask.data.length], [height, width, patches]);
        assert.ok(mask.data.every((value) => value === 0 || value === 1));
        const asked = Math.round(ratio * patches);
        assert.ok(masked(mask) <= asked, `${masked(mask)} of ${asked}`);
        if (ratio === 0 || ratio === 1) assert.equal(masked(mask), asked);
      }
    }
    assert.equal(masked(blockMask({ height, width, count: patches })), patches);
    assert.equal(masked(blockMask({ height, width, count: 0 })), 0);
  }
});

test('on every grid nearly all that is asked for is masked', () => {
  for (const [height, width] of grids) {
    const asked = Math.round(0.4 * height * width);
    let sum = 0;
    for (let seed = 0; seed < 100; ++seed) sum += masked(blockMask({ height, width, ratio: 0.4, seed }));
    assert.ok(sum / 100 >= 0.95 * asked, `${height} x ${width}: ${sum / 100} of ${asked}`);
  }
});

test('the same seed gives the same mask, another another', () => {
  const texts = new Set();
  for (let seed = 0; seed < 300; ++seed) {
    const text = String(blockMask({ seed }).data);
    assert.equal(text, String(blockMask({ height: 14, width: 14, count: 75, seed }).data), 'the defaults');
    texts.add(text);
  }
  assert.ok(texts.size >= 299, `${texts.size} different masks`);
  assert.deepEqual(blockMask(), blockMask({ seed: 0 }));
});

// Recorded under Node 20: whatever engine runs this must give the same.
test('a mask is the same everywhere', () => {
  const { height, width, data } = blockMask({ height: 6, width: 8, count: 20, seed: 2 ** 32 - 1 });
  const rows = Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)].join(''));
  assert.deepEqual(rows, ['00110000', '00000000', '00111111', '00111111', '00111111', '00000000']);
});

test('the first block is a rectangle within the bounds', () => {
  // A smallest block of all that is asked for: mostly one block is the mask.
  let seen = 0;
  for (let seed = 0; seed < 200; ++seed) {
    const { data } = blockMask({ height: 20, width: 20, count: 30, minBlock: 30, minAspect: 0.5, seed });
    const cells = [...data.keys()].filter((i) => data[i]);
    const [ys, xs] = [cells.map((i) => Math.floor(i / 20)), cells.map((i) => i % 20)];
    const [rows, columns] = [ys, xs].map((list) => Math.max(...list) - Math.min(...list) + 1);
    if (rows * columns !== cells.length) continue; // a second block filled up the rest
    ++seen;
    // Sides are rounded: the real ones are within half a patch of these.
    const [low, high] = [(rows - 0.5) / (columns + 0.5), (rows + 0.5) / (columns - 0.5)];
    assert.ok(high >= 0.5 && low <= 2, `${rows} x ${columns}`);
    assert.ok((rows + 0.5) * (columns + 0.5) >= 30, `${rows} x ${columns}`);
  }
  assert.ok(seen > 60, `${seen} single blocks`);
});

// unilm's MaskingGenerator(14, 75, min_num_patches=16), run 60,000 times in Python: mean of all, of
// the four patches in the middle, of the first row, and how often all 75 are masked.
const REFERENCE = { masked: 74.473, full: 0.666, middle: 0.717, firstRow: 0.132 };

test("masks have the statistics of the reference's", () => {
  const runs = 20_000;
  const shares = new Float64Array(196);
  let sum = 0;
  let full = 0;
  for (let seed = 0; seed < runs; ++seed) {
    const { data } = blockMask({ seed });
    const count = masked({ data });
    sum += count;
    if (count === 75) ++full;
    for (let i = 0; i < 196; ++i) shares[i] += data[i] / runs;
  }
  const mean = (indices) => indices.reduce((total, i) => total + shares[i], 0) / indices.length;
  const close = (name, value, expected, tolerance) =>
    assert.ok(Math.abs(value - expected) <= tolerance, `${name}: ${value}, not ${expected}`);
  close('masked', sum / runs, REFERENCE.masked, 0.05); // their standard deviation is 0.96
  close('full', full / runs, REFERENCE.full, 0.02);
  close('middle', mean([90, 91, 104, 105]), REFERENCE.middle, 0.01);
  close('first row', mean(Array.from({ length: 14 }, (_, i) => i)), REFERENCE.firstRow, 0.01);
});

test('values outside their range are refused by name', () => {
  for (const [options, name] of [
    [{ height: 0 }, 'height'],
    [{ width: 1025 }, 'width'],
    [{ height: 2.5 }, 'height'],
    [{ ratio: -0.1 }, 'ratio'],
    [{ ratio: 1.01 }, 'ratio'],
    [{ ratio: NaN }, 'ratio'],
    [{ count: 197 }, 'count'],
    [{ count: -1 }, 'count'],
    [{ count: 1, ratio: 0.1 }, 'count'],
    [{ seed: -1 }, 'seed'],
    [{ seed: 2 ** 32 }, 'seed'],
    [{ seed: 0.5 }, 'seed'],
    [{ minBlock: 0 }, 'minBlock'],
    [{ minBlock: 197 }, 'minBlock'],
    [{ minAspect: 0 }, 'minAspect'],
    [{ minAspect: 1.5 }, 'minAspect'],
    [{ minAspect: NaN }, 'minAspect'],
  ]) {
    assert.throws(
      () => blockMask(options),
      (error) =>
        error instanceof BeitError && error.code === 'invalid-argument' && error.where === name && error.message.startsWith(`${name}: `),
      JSON.stringify(options),
    );
  }
});
