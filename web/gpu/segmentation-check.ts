/** What the segmentation head has besides, for the check of a GPU's answers. */
import type { Check, Kit, Matrix } from './contract.js';
import { NEIGHBOURS } from './convolution.js';
import { planesKernel } from './planes.js';
import { segmentationKernels } from './segmentation-kernels.js';
import type { Buffers } from './steps.js';

const CHANNELS = 8;
const HEIGHT = 7;
const WIDTH = 5;
const SMALL_HEIGHT = 3;
const SMALL_WIDTH = 2;

/** Calls `use` for each element of (height, width, channels), in order; returns what it gives. */
function mapped(height: number, width: number, use: (y: number, x: number, c: number) => number, channels = CHANNELS): Float64Array {
  return Float64Array.from({ length: height * width * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    return use(Math.floor(pixel / width), pixel % width, i % channels);
  });
}

/** Returns what a smaller map has where it is resized to a larger one, between its pixels. */
function resized(at: (y: number, x: number, c: number) => number, y: number, x: number, c: number): number {
  const place = (i: number, small: number, large: number): number => Math.min(Math.max(0, ((i + 0.5) * small) / large - 0.5), small - 1);
  const [v, h] = [place(y, SMALL_HEIGHT, HEIGHT), place(x, SMALL_WIDTH, WIDTH)];
  let sum = 0;
  for (let b = 0; b < SMALL_HEIGHT; ++b)
    for (let a = 0; a < SMALL_WIDTH; ++a) sum += Math.max(0, 1 - Math.abs(v - b)) * Math.max(0, 1 - Math.abs(h - a)) * at(b, a, c);
  return sum;
}

/** Convolutions of both tiles, maxima, means, what is resized, and labels: of maps whose sides are odd. */
export function segmentationChecks(kit: Kit, buffers: Buffers): Check[] {
  const { numbers } = kit;
  const { WIDEN, MAXIMUM, MEANS, LABELS } = segmentationKernels(kit);
  const pixels = HEIGHT * WIDTH;
  const map = numbers(pixels * CHANNELS, 1),
    small = numbers(SMALL_HEIGHT * SMALL_WIDTH * 3 * CHANNELS, 2),
    weights = numbers(9 * CHANNELS * CHANNELS, 3),
    states = numbers((1 + pixels) * CHANNELS, 4);
  const at = (y: number, x: number, c: number): number => map[(y * WIDTH + x) * CHANNELS + c]!;
  const each = (name: string, code: string, parameters: number[], from: Float32Array, to: Float32Array, expected: Float64Array): Check => {
    const perThread = code === WIDEN ? 4 : code === LABELS ? 2 : 1;
    return [name, kit.eachDraft(code, to.length / perThread, parameters, [buffers.filled(from), buffers.filled(to)]), expected];
  };

  const matrix: Matrix = {
    outputs: CHANNELS,
    inputs: 9 * CHANNELS,
    weights: buffers.filled(weights),
    vectors: buffers.filled(new Float32Array(3 * CHANNELS).fill(1, CHANNELS)),
  };
  // The second of two bands, which begins within a row.
  const begin = 8;
  const band = { gather: NEIGHBOURS, perRun: WIDTH, inStride: HEIGHT, outStride: WIDTH, inBegin: begin, outBegin: begin };
  const convolved = mapped(HEIGHT, WIDTH, (y, x, o) => {
    let sum = 0;
    for (let tap = 0; tap < 9; ++tap) {
      const [b, a] = [y + Math.floor(tap / 3) - 1, x + (tap % 3) - 1];
      if (b < 0 || b >= HEIGHT || a < 0 || a >= WIDTH) continue;
      for (let c = 0; c < CHANNELS; ++c) sum += at(b, a, c) * weights[(o * 9 + tap) * CHANNELS + c]!;
    }
    return sum;
  }).fill(0, 0, begin * CHANNELS);
  const convolutions = kit.tiles.map((tile): Check => {
    const to = buffers.floats(pixels * CHANNELS);
    return ['convolutions', kit.productDraft(matrix, buffers.filled(map), to, pixels - begin, band, tile), convolved];
  });

  const sizes = [CHANNELS / 4, WIDTH, HEIGHT, SMALL_WIDTH, SMALL_HEIGHT];
  const taps = (y: number, x: number, c: number): number => {
    let sum = at(y, x, c);
    for (let tap = 0; tap < 3 && y > 0; ++tap) {
      const column = x + tap - 1;
      if (column < 0 || column >= WIDTH) continue;
      sum += resized((b, a) => small[((b * SMALL_WIDTH + a) * 3 + tap) * CHANNELS + c]!, y - 1, column, c);
    }
    return Math.max(0, sum);
  };
  const plain = (b: number, a: number, c: number): number => small[(b * SMALL_WIDTH + a) * CHANNELS + c]!;
  const sums = mapped(HEIGHT, WIDTH, (y, x, c) => at(y, x, c) + resized(plain, y, x, c));

  const state = (y: number, x: number, c: number): number => states[(1 + y * WIDTH + x) * CHANNELS + c]!;
  const maxima = mapped(HEIGHT >> 1, WIDTH >> 1, (y, x, c) =>
    Math.max(...[0, 1, 2, 3].map((i) => state(2 * y + (i >> 1), 2 * x + (i % 2), c))),
  );
  // By channel, their rows padded.
  const planes = mapped(CHANNELS, pixels + 1, (c, i) => states[(1 + Math.min(i, pixels - 1)) * CHANNELS + c]!, 1);
  const scale = 3;
  const means = mapped(scale, scale, (y, x, c) => {
    let [sum, count] = [0, 0];
    for (let b = Math.floor((y * HEIGHT) / scale); b < Math.ceil(((y + 1) * HEIGHT) / scale); ++b)
      for (let a = Math.floor((x * WIDTH) / scale); a < Math.ceil(((x + 1) * WIDTH) / scale); ++a, ++count) sum += at(b, a, c);
    return sum / count;
  });

  // Rows from the third on, of seven labels of eight channels.
  const [first, labels] = [2, CHANNELS - 1];
  const rest = (HEIGHT - first) * WIDTH;
  const found = new Float64Array(2 * rest);
  for (let i = 0; i < rest; ++i) {
    const logits = Array.from({ length: labels }, (_, c) => resized(plain, first + Math.floor(i / WIDTH), i % WIDTH, c));
    const most = Math.max(...logits);
    found[i] = logits.indexOf(most);
    found[rest + i] = 1 / logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
  }
  return [
    ...convolutions,
    each('resizing', WIDEN, [...sizes, 1, 0, 0], small, map, sums),
    each('resizing', WIDEN, [...sizes, 3, 0, 1], small, map, mapped(HEIGHT, WIDTH, taps)),
    each('pooling', MAXIMUM, [CHANNELS, WIDTH, WIDTH >> 1, 1], states, new Float32Array(maxima.length), maxima),
    each(
      'maps by channel',
      planesKernel(kit),
      [CHANNELS, CHANNELS, pixels, pixels + 1, 1],
      states,
      new Float32Array(planes.length),
      planes,
    ),
    each('pooling', MEANS, [CHANNELS, WIDTH, HEIGHT, scale], map, new Float32Array(means.length), means),
    each(
      'labels',
      LABELS,
      [WIDTH, HEIGHT, SMALL_WIDTH, SMALL_HEIGHT, labels, CHANNELS, first, 1],
      small,
      new Float32Array(2 * rest),
      found,
    ),
  ];
}
