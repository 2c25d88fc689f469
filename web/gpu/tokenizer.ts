/**
 * Both halves of DALL-E's image tokenizer, as the core computes them (src/dalle): a file of its own, since nothing else needs it. Maps are rows
 * (height * width, padded channels) of one image.
 */
import type { FeatureMap, Filling, Kind, Kit, Matrix, StepWriter, WrongInput, GivenInputs } from './contract.js';
import { convolve, NEIGHBOURS } from './convolution.js';
import { largestBuffer } from './device.js';
import { clamped, RUNS, type Gather } from './gather.js';
import type { GridSize } from './grid-resize.js';
import { halvingKernel, outputPlanes } from './planes.js';
import { padded, type AnyShape } from './shape.js';
import type { Buffers } from './steps.js';
import { tokenizerChecks } from './tokenizer-check.js';
import { tokenizerKernels } from './tokenizer-kernels.js';

interface HalfShape extends AnyShape {
  vocabSize: number;
  nHid: number;
  nInit: number;
  groupCount: number;
  nBlkPerGroup: number;
  encodes: boolean;
  /** Pixels of a token's side. */
  downsampling: number;
}

interface Half extends Filling {
  /** Writes a pass down; `from`: pixels or tokens. */
  addSteps(writer: StepWriter, from: GPUBuffer): void;
}

interface Convolution {
  matrix: Matrix;
  gather: Gather;
  /** Whether it is of one pixel, not of 3 x 3. */
  single: boolean;
}

interface Block {
  /** Null where channels stay as many. */
  identity: Convolution | null;
  path: Convolution[];
  outputs: number;
}

// As src/dalle/dalle_tokenizer.h has it, and BEiT's second view.
const PUBLISHED = { vocabSize: 8192, nHid: 256, nInit: 128, groupCount: 4, nBlkPerGroup: 2 };
const USUAL_SIDE = 112;

// As src/dalle/dalle_tokenizer.cpp has it.
const MOST_SIDE = 4096;

// A decoder's numbers of a pixel.
const STATS = 6;

const WINDOW = 3 * 7 * 7;

function shapeOf({ className, config }: Parameters<Kind['shapeOf']>[0]): HalfShape {
  const sizes = { ...PUBLISHED, ...config };
  const encodes = className === 'DalleEncoder';
  const downsampling = 2 ** (sizes.groupCount - 1);
  const side = Math.ceil(USUAL_SIDE / downsampling) * (encodes ? downsampling : 1);
  return { ...sizes, className, encodes, downsampling, imageSize: { height: side, width: side } };
}

/** A block is as much work as 3.6 of its products: a quarter of the channels within, twice the channels with a quarter of the pixels. */
function operationsOf({ imageSize, encodes, downsampling, groupCount, nBlkPerGroup, nHid }: HalfShape): number {
  const pixels = imageSize.height * imageSize.width * (encodes ? 1 : downsampling ** 2);
  return 2 * pixels * groupCount * nBlkPerGroup * 3.6 * nHid ** 2;
}

function makeHalf(kit: Kit, buffers: Buffers, shape: HalfShape): Half {
  const { encodes, nHid, nInit, vocabSize, groupCount, nBlkPerGroup, downsampling } = shape;
  const { takers, write, bare } = kit.startWeights(buffers);
  const { WINDOWS, EMBED, DOUBLE, LARGEST, PICTURE } = tokenizerKernels(kit);
  const HALVE = halvingKernel(kit);
  const relu = kit.activationNumber('relu');

  const convolution = (name: string, inputs: number, outputs: number, { single = true, clamps = false, gain = 1 } = {}): Convolution => {
    const taps = single ? 1 : 9,
      wide = padded(inputs);
    const matrix = bare(outputs, taps * wide);
    takers.set(`${name}.w`, (values) => {
      const rows = new Float32Array(outputs * taps * wide);
      for (let o = 0, from = 0; o < outputs; ++o)
        for (let c = 0; c < inputs; ++c) for (let tap = 0; tap < taps; ++tap) rows[(o * taps + tap) * wide + c] = values[from++]!;
      write(matrix.weights, 0, rows);
    });
    takers.set(`${name}.b`, (values) => write(matrix.vectors, 0, values));
    write(matrix.vectors, padded(outputs), new Float32Array(outputs).fill(gain));
    const gather = single ? RUNS : NEIGHBOURS;
    return { matrix, gather: clamps ? clamped(gather) : gather, single };
  };

  let channels = encodes ? nHid : nInit;
  // Of 7 x 7 pixels, which are rows already.
  const input = encodes ? convolution('blocks.input', WINDOW, nHid) : null;
  // A row for each token: of a map of ones and zeros, a convolution takes one.
  const table = encodes ? null : bare(vocabSize, padded(nInit));
  if (table) {
    takers.set('blocks.input.w', (values) => {
      const rows = new Float32Array(vocabSize * table.inputs);
      for (const [i, value] of values.entries()) rows[(i % vocabSize) * table.inputs + Math.floor(i / vocabSize)] = value;
      write(table.weights, 0, rows);
    });
    takers.set('blocks.input.b', (values) => write(table.vectors, 0, values));
  }
  const count = groupCount * nBlkPerGroup;
  const blocks = Array.from({ length: count }, (_, i): Block => {
    const group = Math.floor(i / nBlkPerGroup);
    const name = `blocks.group_${group + 1}.block_${(i % nBlkPerGroup) + 1}.`;
    const outputs = nHid << (encodes ? group : groupCount - 1 - group),
      middle = outputs / 4;
    const identity = channels === outputs ? null : convolution(`${name}id_path`, channels, outputs);
    const path = [0, 1, 2, 3].map((n) => {
      const [from, to] = [n === 0 ? channels : middle, n === 3 ? outputs : middle];
      const options = { single: n === (encodes ? 3 : 0), clamps: n === 0, gain: n === 3 ? 1 / count ** 2 : 1 };
      return convolution(`${name}res_path.conv_${n + 1}`, from, to, options);
    });
    channels = outputs;
    return { identity, path, outputs };
  });
  const output = convolution('blocks.output.conv', channels, encodes ? vocabSize : STATS, { clamps: true });

  const addSteps = (writer: StepWriter, from: GPUBuffer): void => {
    const { inputs, each, output: put } = writer;
    const mapOf = (height: number, width: number, size: number): FeatureMap => ({
      height,
      width,
      values: writer.buffers.floats(height * width * padded(size)),
    });
    const run = ({ matrix, gather, single }: Convolution, map: FeatureMap, to: GPUBuffer, activation = 0, add = false): FeatureMap => {
      convolve(writer, matrix, map, to, { gather, activation, add, ...(single && { inStride: map.width }) });
      return { ...map, values: to };
    };
    let map = mapOf(inputs.height, inputs.width, encodes ? WINDOW : nInit);
    const pixels = map.height * map.width;
    if (input) {
      each(WINDOWS, pixels * padded(WINDOW), [map.width, map.height], from, map.values);
      map = run(input, map, mapOf(map.height, map.width, nHid).values);
    } else each(EMBED, pixels * table!.inputs, [table!.inputs], table!.weights, table!.vectors, from, map.values);
    const full = encodes ? pixels : pixels * downsampling ** 2;
    // Of the same size as what is largest of these, at the most pixels.
    const middles = [0, 1].map(() => writer.buffers.floats(full * padded(nHid / 4)));
    for (const [i, { identity, path, outputs }] of blocks.entries()) {
      const [first, second, third, last] = path as [Convolution, Convolution, Convolution, Convolution];
      let middle = run(first, map, middles[0]!, relu);
      middle = run(second, middle, middles[1]!, relu);
      middle = run(third, middle, middles[0]!, relu);
      if (identity) map = run(identity, map, mapOf(map.height, map.width, outputs).values);
      run(last, middle, map.values, 0, true);
      if ((i + 1) % nBlkPerGroup || i + 1 === count) continue;
      const { height, width, values } = map;
      const wide = padded(outputs);
      map = encodes ? mapOf(height / 2, width / 2, outputs) : mapOf(2 * height, 2 * width, outputs);
      const sizes = encodes ? [wide, width, map.width, 0] : [wide, map.width];
      each(encodes ? HALVE : DOUBLE, map.height * map.width * wide, sizes, values, map.values);
    }
    const { height, width } = map;
    const area = height * width,
      row = padded(area),
      columns = output.matrix.outputs;
    const { values } = run(output, map, mapOf(height, width, columns).values);
    outputPlanes(kit, writer, encodes ? 'logits' : 'decoder_stats', values, map, columns, 0);
    const result = writer.buffers.floats(encodes ? row : 3 * row);
    if (encodes) {
      each(LARGEST, area, [padded(columns), columns], values, result);
      put('tokens', result, [1, height, width], area);
    } else {
      each(PICTURE, 3 * row, [padded(columns), area, row], values, result);
      put('reconstruction', result, [1, 3, height, width], area);
    }
  };
  return { buffers, takers, addSteps };
}

/** Returns how many floats of an image, or of tokens, of this size are bound as one buffer at most, and how many are read back. */
function floatsOf({ encodes, nHid, nInit, vocabSize, groupCount, downsampling }: HalfShape, { height, width }: GridSize): [number, number] {
  const pixels = height * width;
  if (encodes) {
    const tokens = padded(pixels / downsampling ** 2),
      scores = padded(vocabSize) * tokens;
    return [Math.max(pixels * padded(nHid), pixels * padded(WINDOW), scores), scores + tokens];
  }
  const full = padded(pixels * downsampling ** 2);
  return [Math.max(full * (groupCount > 1 ? 2 : 1) * nHid, full * padded(STATS), pixels * padded(nInit)), (STATS + 3) * full];
}

function wrongIn({ encodes, downsampling, vocabSize }: HalfShape, { pixelValues, tokens }: GivenInputs): WrongInput | null {
  const shown = (dims: readonly number[]): string => `[${dims.join(', ')}]`;
  const filled = (values: ArrayLike<unknown>, dims: readonly number[]): boolean => values.length === dims.reduce((a, b) => a * b, 1);
  if (encodes) {
    const dims = pixelValues?.dims ?? [];
    const [batch = 0, planes, ...sides] = dims;
    if (dims.length !== 4 || batch < 1 || planes !== 3 || sides.some((side) => side < downsampling || side % downsampling)) {
      const expected = `(batch, 3, height, width) with sides that are multiples of ${downsampling}`;
      return ['wrong-shape', 'pixel_values', shown(dims), expected];
    }
    const { length } = pixelValues!.data;
    return filled(pixelValues!.data, dims) ? null : ['wrong-shape', 'pixel_values', `${length} values`, `as many as ${shown(dims)} holds`];
  }
  if (!tokens) return ['invalid-argument', 'tokens', 'none', 'tokens (batch, h, w)'];
  const { dims, data } = tokens;
  if (dims.length !== 3 || dims.some((side, i) => side < 1 || (i > 0 && side > MOST_SIDE)) || !filled(data, dims))
    return ['wrong-shape', 'tokens', shown(dims), '(batch, h, w)'];
  const wrong = data.find((token) => token < 0 || token >= vocabSize);
  return wrong === undefined ? null : ['invalid-argument', 'tokens', String(wrong), `0 to ${vocabSize - 1}`];
}

/** Returns how the halves of tokenizers are computed with what `kit` has. */
export function halvesWith(kit: Kit): Kind {
  return {
    shapeOf,
    operationsOf: (shape) => operationsOf(shape as HalfShape),
    needsExtras: () => false,
    checkKernels: (gpu) => kit.checkOnce(gpu, 'tokenizer', (buffers) => tokenizerChecks(kit, buffers)),
    makeWeights: (buffers, _, shape) => makeHalf(kit, buffers, shape as HalfShape),
    mostImages({ device }, shape, _, size) {
      const [bound, read] = floatsOf(shape as HalfShape, size);
      return 4 * bound <= largestBuffer(device) && 4 * read <= device.limits.maxBufferSize ? 1 : 0;
    },
    draftPass(buffers, _, half, inputs) {
      const { writer, pass } = kit.startPass(buffers, inputs);
      const pixels = buffers.floats(3 * inputs.height * inputs.width);
      (half as Half).addSteps(writer, pixels);
      return { ...pass, pixels, mask: null, logits: null };
    },
    wrongIn: (shape, inputs) => wrongIn(shape as HalfShape, inputs),
  };
}
