/** What DALL-E's tokenizer has, for the check of a GPU's answers. */
import type { Check, Kit, Matrix } from './contract.js';
import { NEIGHBOURS } from './convolution.js';
import { clamped, RUNS } from './gather.js';
import { halvingKernel, planesKernel } from './planes.js';
import type { Buffers } from './steps.js';
import { tokenizerKernels } from './tokenizer-kernels.js';

// A map whose sides are odd.
const CHANNELS = 8;
const HEIGHT = 7;
const WIDTH = 5;
const PIXELS = HEIGHT * WIDTH;

/** Returns (height, width, channels) of what `use` gives for each element. */
function mapped(height: number, width: number, channels: number, use: (y: number, x: number, c: number) => number): Float64Array {
  return Float64Array.from({ length: height * width * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    return use(Math.floor(pixel / width), pixel % width, i % channels);
  });
}

/** Convolutions of both tiles, of 3 x 3 pixels and of one, and each kernel that there is besides. */
export function tokenizerChecks(kit: Kit, buffers: Buffers): Check[] {
  const { WINDOWS, EMBED, DOUBLE, LARGEST, PICTURE } = tokenizerKernels(kit);
  const map = kit.numbers(PIXELS * CHANNELS, 1);
  const at = (y: number, x: number, c: number): number => map[(y * WIDTH + x) * CHANNELS + c]!;
  const each = (name: string, code: string, parameters: number[], from: Float32Array[], expected: Float64Array): Check => {
    const bound = [...from.map((values) => buffers.filled(values)), buffers.floats(expected.length)];
    return [name, kit.eachDraft(code, expected.length, parameters, bound), expected];
  };

  // The second of two bands, which begins within a row.
  const begin = 8;
  const convolutions = [RUNS, NEIGHBOURS].flatMap((gather) => {
    const taps = gather === RUNS ? 1 : 9,
      reach = gather === RUNS ? 0 : 1;
    const weights = kit.numbers(taps * CHANNELS * CHANNELS, 3);
    const matrix: Matrix = {
      outputs: CHANNELS,
      inputs: taps * CHANNELS,
      weights: buffers.filled(weights),
      vectors: buffers.filled(new Float32Array(3 * CHANNELS).fill(1, CHANNELS)),
    };
    const rows = { perRun: WIDTH, inStride: reach ? HEIGHT : WIDTH, outStride: WIDTH, inBegin: begin, outBegin: begin };
    return [false, true].flatMap((clamps) => {
      const expected = mapped(HEIGHT, WIDTH, CHANNELS, (y, x, o) => {
        let sum = 0;
        for (let tap = 0; tap < taps; ++tap) {
          const [b, a] = [y + Math.floor(tap / 3) - reach, x + (tap % 3) - reach];
          if (b < 0 || b >= HEIGHT || a < 0 || a >= WIDTH) continue;
          for (let c = 0; c < CHANNELS; ++c) sum += Math.max(at(b, a, c), clamps ? 0 : -1) * weights[(o * taps + tap) * CHANNELS + c]!;
        }
        return sum;
      }).fill(0, 0, begin * CHANNELS);
      const options = { ...rows, gather: clamps ? clamped(gather) : gather };
      return kit.tiles.map((tile): Check => {
        const to = buffers.floats(PIXELS * CHANNELS);
        return ['convolutions', kit.productDraft(matrix, buffers.filled(map), to, PIXELS - begin, options, tile), expected];
      });
    });
  });

  const windows = mapped(HEIGHT, WIDTH, 148, (y, x, i) => {
    const [b, a] = [y + Math.floor((i % 49) / 7) - 3, x + (i % 7) - 3];
    const inside = i < 147 && b >= 0 && b < HEIGHT && a >= 0 && a < WIDTH;
    return inside ? 0.8 * map[(Math.floor(i / 49) * HEIGHT + b) * WIDTH + a]! + 0.1 : 0;
  });
  const tokens = Uint32Array.from({ length: PIXELS }, (_, i) => (i * i) % PIXELS),
    biases = kit.numbers(CHANNELS, 5);
  const embedded = mapped(HEIGHT, WIDTH, CHANNELS, (y, x, c) => at(0, tokens[y * WIDTH + x]!, c) + biases[c]!);
  const halved = mapped(HEIGHT >> 1, WIDTH >> 1, CHANNELS, (y, x, c) =>
    Math.max(...[0, 1, 2, 3].map((i) => at(2 * y + (i >> 1), 2 * x + (i % 2), c))),
  );
  // Of seven columns; the first of two that are largest.
  const columns = CHANNELS - 1;
  const scores = map.map((value, i) => (i % CHANNELS < 2 ? value : Math.round(value)));
  const largest = Float64Array.from({ length: PIXELS }, (_, i) => {
    const row = scores.subarray(i * CHANNELS, i * CHANNELS + columns);
    return row.indexOf(Math.max(...row));
  });
  const row = PIXELS + 1;
  const planes = mapped(columns, 1, row, (c, _, i) => at(0, Math.min(i, PIXELS - 1), c));
  const picture = planes.slice(0, 3 * row).map((value) => Math.min(Math.max(0, (1 / (1 + Math.exp(-8 * value)) - 0.1) / 0.8), 1));
  return [
    ...convolutions,
    each('pixels', WINDOWS, [WIDTH, HEIGHT], [map], windows),
    each('tokens', EMBED, [CHANNELS], [map, biases, new Float32Array(tokens.buffer)], embedded),
    each(
      'resizing',
      DOUBLE,
      [CHANNELS, 2 * WIDTH],
      [map],
      mapped(2 * HEIGHT, 2 * WIDTH, CHANNELS, (y, x, c) => at(y >> 1, x >> 1, c)),
    ),
    each('pooling', halvingKernel(kit), [CHANNELS, WIDTH, WIDTH >> 1, 0], [map], halved),
    each('largest scores', LARGEST, [CHANNELS, columns], [scores], largest),
    each('maps by channel', planesKernel(kit), [CHANNELS, columns, PIXELS, row, 0], [map], planes),
    each('pictures', PICTURE, [CHANNELS, PIXELS, row], [map.map((value) => 8 * value)], picture),
  ];
}
