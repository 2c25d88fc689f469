/** Convolutions of maps, which are rows (height * width, padded channels) of one image, as products. */
import type { FeatureMap, Matrix, ProductOptions, StepWriter } from './contract.js';
import type { Gather } from './gather.js';

// 3 x 3 pixels. What lies before the first row or column is far beyond the last, since numbers have no sign. Few divisions: GPUs are slow at them.
export const NEIGHBOURS: Gather = {
  before: `let d=p.depth/9;let tap=k/d;let a=m+p.inBegin;let b=a/p.perRun;
let y=b+tap/3-1;let x=a-b*p.perRun+tap%3-1;`,
  valid: 'm<p.rows&&y<p.inStride&&x<p.perRun',
  operand: 'A[(y*p.perRun+x)*d+k-tap*d]',
};

// A wide convolution is several steps, of which each is less than a submit may be; and no GPU must have more tiles one below the other.
const BAND_OPERATIONS = 15e9;
const BAND_ROWS = 2 ** 20;

/** Writes a convolution of a map down, of 3 x 3 pixels or as `gather` has it. */
export function convolve(
  { product }: Pick<StepWriter, 'product'>,
  matrix: Matrix,
  { height, width, values }: FeatureMap,
  to: GPUBuffer,
  { gather = NEIGHBOURS, ...options }: ProductOptions,
): void {
  const pixels = height * width;
  const band = Math.max(1, Math.min(BAND_ROWS, Math.floor(BAND_OPERATIONS / (2 * matrix.outputs * matrix.inputs))));
  for (let begin = 0; begin < pixels; begin += band) {
    const rows = { gather, perRun: width, inStride: height, outStride: width, inBegin: begin, outBegin: begin };
    product(matrix, values, to, Math.min(band, pixels - begin), { ...rows, ...options });
  }
}
