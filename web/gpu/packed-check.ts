/** Products with weights that are not floats, for the check of a GPU's answers. */
import type { Check, Kit } from './contract.js';
import type { Packing } from './kernels.js';
import { padded } from './shape.js';
import type { Buffers } from './steps.js';

const ROWS = 37;
const OUTPUTS = 41;
const INPUTS = 36;

/** Of each tile, with rows, columns and sums that fill none of them. */
export function packedChecks(kit: Kit, buffers: Buffers, packing: Packing): Check[] {
  const wide = padded(OUTPUTS);
  const a = Float32Array.from({ length: ROWS * INPUTS }, (_, i) => Math.sin((i + 1) * (i + 1)));
  // Whole numbers of which the largest of a row is 127 are stored as they are.
  const w = Float32Array.from({ length: OUTPUTS * INPUTS }, (_, i) => (i % INPUTS ? Math.round(126 * Math.cos(i * (i + 3))) : -127));
  const { stored } = packing.pack(w, INPUTS);
  const vectors = new Float32Array(3 * wide).fill(1, wide, 2 * wide).fill(1 / 127, 2 * wide);
  const expected = new Float64Array(ROWS * wide);
  for (let m = 0; m < ROWS; ++m)
    for (let n = 0; n < OUTPUTS; ++n)
      for (let k = 0; k < INPUTS; ++k) expected[m * wide + n]! += (a[m * INPUTS + k]! * w[n * INPUTS + k]!) / 127;
  const weights = buffers.filled(new Float32Array(stored.buffer));
  const matrix = { outputs: OUTPUTS, inputs: INPUTS, weights, vectors: buffers.filled(vectors), packing };
  return kit.tiles.map((tile) => {
    const draft = kit.productDraft(matrix, buffers.filled(a), buffers.floats(ROWS * wide), ROWS, {}, tile);
    return ['products of packed weights', draft, expected];
  });
}
