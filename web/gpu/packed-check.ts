/** Products with weights of 8 bits, for the check of a GPU's answers. */
import type { Check, Kit } from './contract.js';
import { packRows } from './pack-rows.js';
import { padded } from './shape.js';
import type { Buffers } from './steps.js';

const ROWS = 37;
const OUTPUTS = 41;
const INPUTS = 36;

/** Of each tile, with rows, columns and sums that fill none of them. */
export function packedChecks(kit: Kit, buffers: Buffers): Check[] {
  const wide = padded(OUTPUTS);
  const a = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => Math.sin((i + 1) * (i + 1)));
  const { bytes, scales } = packRows(
    Float32Array.from({ length: OUTPUTS * INPUTS }, (_, i) => Math.cos(i * (i + 3))),
    INPUTS,
  );
  const vectors = new Float32Array(3 * wide).fill(1, wide);
  vectors.set(scales, 2 * wide);
  const expected = new Float64Array(ROWS * wide);
  for (let m = 0; m < ROWS; ++m)
    for (let n = 0; n < OUTPUTS; ++n)
      for (let k = 0; k < INPUTS; ++k) expected[m * wide + n]! += a[m * INPUTS + k]! * bytes[n * INPUTS + k]! * scales[n]!;
  const weights = buffers.filled(new Float32Array(bytes.buffer));
  const matrix = { outputs: OUTPUTS, inputs: INPUTS, weights, vectors: buffers.filled(vectors), packed: true };
  return kit.tiles.map((tile) => {
    const draft = kit.productDraft(matrix, buffers.filled(a), buffers.floats(ROWS * wide), ROWS, {}, tile);
    return ['products of bytes', draft, expected];
  });
}
