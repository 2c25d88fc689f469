/**
 * The segmentation head, rearranged as the core does it (src/beit/segmentation/uper_head.cpp): convolutions of resized maps are products at
 * the maps' own size, widened afterwards; fpn1's second and fpn2's transposed convolutions are one product with the lateral one that follows.
 * Maps are rows (height * width, padded channels) of one image.
 */
import type { FeatureMap, Filler, Kit, Matrix, PassWriter } from './contract.js';
import type { Gpu } from './device.js';
import { convolve, NEIGHBOURS } from './convolution.js';
import { segmentationKernels } from './segmentation-kernels.js';
import { padded } from './shape.js';
import type { Draft } from './steps.js';
import { spread } from './spread.js';

/** A 3 x 3 convolution of a map, and of each smaller one that is resized to it: a matrix for each row of the kernel. */
interface Concatenation {
  own: Matrix;
  smaller: Matrix[][];
}

/** Head and neck of a model, to be filled. */
export interface Head {
  /** Computes what is made of several tensors, when all have come. */
  finish(): Promise<void>;
  /** Writes down what becomes of the states (class token, patches) that a level begins with. */
  addLevel(writer: PassWriter, level: number): void;
  /** Writes down the rest. Returns the logits. */
  addRest(writer: PassWriter): FeatureMap;
}

const BATCH_NORM_EPSILON = 1e-5;

// The level at which the auxiliary head is, too, and the one that is pooled.
const [PLAIN, TOP] = [2, 3];

export function makeHead(kit: Kit, gpu: Gpu, { shape, takers, bare, matrix, write, temporary }: Filler): Head {
  const { activationNumber, productDraft, productKernel, tiles } = kit;
  const { hiddenSize: channels, numLabels, poolScales } = shape;
  const wide = padded(channels);
  const relu = activationNumber('relu'),
    gelu = activationNumber('gelu');

  const { WIDEN, MAXIMUM, MEANS } = segmentationKernels(kit);
  for (const code of [WIDEN, MAXIMUM, MEANS, ...tiles.map((tile) => productKernel(tile, NEIGHBOURS))])
    gpu.pipeline(code).catch(() => undefined); // whoever uses it hears of it

  // Of weights by weights.
  const products: Draft[] = [];

  /** Calls `then` when all of these tensors have come, with what a normalisation scales by and adds, and the values of the others. */
  const normalized = (
    norm: string,
    others: string[],
    then: (scales: Float32Array, shifts: Float32Array, values: Float32Array[]) => void,
  ) => {
    const names = [...['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${norm}.${part}`), ...others];
    const values: Float32Array[] = [];
    let missing = names.length;
    for (const [i, name] of names.entries())
      takers.set(name, (given) => {
        values[i] = given;
        if (--missing > 0) return;
        const [weight, bias, mean, variance, ...rest] = values as [Float32Array, Float32Array, Float32Array, Float32Array];
        const scales = weight.map((value, c) => value / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON));
        then(
          scales,
          bias.map((value, c) => value - mean[c]! * scales[c]!),
          rest,
        );
      });
  };
  /** Writes what a matrix, whose outputs are `runs` times the channels, scales its sums by and adds. */
  const setNorm = ({ vectors, outputs }: Matrix, runs: number, scales: Float32Array, shifts: Float32Array | null): void => {
    for (let run = 0; run < runs; ++run) {
      write(vectors, 2 * padded(outputs) + run * wide, scales);
      if (shifts) write(vectors, run * wide, shifts);
    }
  };
  /** A 1 x 1 convolution. */
  const pointwise = (name: string): Matrix => {
    const made = bare(channels, wide);
    takers.set(`${name}.conv.weight`, (values) => write(made.weights, 0, spread(values, channels, wide)));
    normalized(`${name}.bn`, [], (scales, shifts) => setNorm(made, 1, scales, shifts));
    return made;
  };
  /** A transposed convolution: a matrix for each of the two rows that become of one, its two pixels one behind the other. */
  const transposed = (name: string, norm: string, lateral: string | null): Matrix[] => {
    const rows = [0, 1].map(() => bare(2 * wide, wide));
    const before = lateral === null ? [] : [`${lateral}.weight`];
    const mixing = lateral === null ? null : temporary.floats(channels * wide);
    normalized(norm, [`${name}.bias`, ...before], (scales, shifts, [bias, weight]) => {
      if (weight) write(mixing!, 0, spread(weight, channels, wide));
      const added = weight ? bias!.map((_, o) => bias!.reduce((sum, value, k) => sum + value * weight[o * channels + k]!, 0)) : bias!;
      const sums = shifts.map((shift, c) => shift + scales[c]! * added[c]!);
      for (const row of rows) setNorm(row, 2, scales, sums);
    });
    const taps = [0, 1, 2, 3].map(() => mixing && temporary.floats(channels * wide));
    takers.set(`${name}.weight`, (values) => {
      for (const [tap, buffer] of taps.entries()) {
        const turned = new Float32Array(channels * wide);
        for (let i = 0; i < channels; ++i)
          for (let o = 0; o < channels; ++o) turned[buffer ? i * wide + o : o * wide + i] = values[(i * channels + o) * 4 + tap]!;
        write(buffer ?? rows[tap >> 1]!.weights, buffer ? 0 : (tap % 2) * wide * wide, turned);
      }
    });
    if (mixing) {
      const vectors = temporary.filled(new Float32Array(3 * wide).fill(1, wide));
      for (const [tap, weights] of taps.entries()) {
        const made = { outputs: channels, inputs: wide, weights: weights!, vectors };
        const options = { outBegin: (tap % 2) * wide };
        products.push(productDraft(made, mixing, rows[tap >> 1]!.weights, channels, options));
      }
    }
    return rows;
  };
  const concatenation = (name: string, count: number): Concatenation => {
    const own = bare(channels, 9 * wide);
    const smaller = Array.from({ length: count }, () => [0, 1, 2].map(() => bare(3 * wide, wide)));
    normalized(`${name}.bn`, [], (scales, shifts) => {
      setNorm(own, 1, scales, shifts);
      for (const made of smaller.flat()) setNorm(made, 3, scales, null); // a sum is scaled as its parts are
    });
    takers.set(`${name}.conv.weight`, (values) => {
      /** Writes so many taps from `first` on of a part's channels, in rows by `place`. */
      const put = (part: number, first: number, taps: number, to: Matrix, place: (o: number, tap: number) => number): void => {
        const rows = new Float32Array(to.outputs * to.inputs);
        for (let o = 0; o < channels; ++o)
          for (let i = 0; i < channels; ++i) {
            const from = ((o * (1 + count) + part) * channels + i) * 9 + first;
            for (let tap = 0; tap < taps; ++tap) rows[place(o, tap) * wide + i] = values[from + tap]!;
          }
        write(to.weights, 0, rows);
      };
      put(0, 0, 9, own, (o, tap) => o * 9 + tap);
      for (const [part, rows] of smaller.entries())
        for (const [down, made] of rows.entries()) put(1 + part, 3 * down, 3, made, (o, tap) => tap * wide + o);
    });
    return { own, smaller };
  };

  const decode = 'decode_head.';
  const first = transposed('fpn1.0', 'fpn1.1', null);
  const upsampling = [
    transposed('fpn1.3', `${decode}lateral_convs.0.bn`, `${decode}lateral_convs.0.conv`),
    transposed('fpn2.0', `${decode}lateral_convs.1.bn`, `${decode}lateral_convs.1.conv`),
  ];
  const lateral = pointwise(`${decode}lateral_convs.2`);
  const pooling = poolScales.map((_, i) => pointwise(`${decode}psp_modules.${i}.1`));
  const bottleneck = concatenation(`${decode}bottleneck`, poolScales.length);
  const refining = [0, 1, 2].map((i) => concatenation(`${decode}fpn_convs.${i}`, 0));
  const fusing = concatenation(`${decode}fpn_bottleneck`, TOP);
  const classifier = matrix(`${decode}classifier`, numLabels, channels);

  const levels: FeatureMap[] = [];

  /** Returns an empty map. */
  const mapOf = ({ buffers }: PassWriter, height: number, width: number, size = wide): FeatureMap => ({
    height,
    width,
    values: buffers.floats(height * width * size),
  });
  /** Writes a transposed convolution down, of a map whose rows begin at `inBegin`. */
  const double = (
    writer: PassWriter,
    rows: Matrix[],
    { height, width, values }: FeatureMap,
    activation: number,
    inBegin = 0,
  ): FeatureMap => {
    const larger = mapOf(writer, 2 * height, 2 * width);
    for (const [down, made] of rows.entries()) {
      const runs = { perRun: width, inStride: width, outStride: 2 * width, outBegin: down * width };
      writer.product(made, values, larger.values, height * width, { ...runs, inBegin, activation });
    }
    return larger;
  };
  /** Adds a smaller map, or its products with `taps` columns of a kernel, to a map. */
  const widen = ({ each }: PassWriter, from: FeatureMap, to: FeatureMap, taps = 1, down = 0, last = false): void => {
    const sizes = [to.width, to.height, from.width, from.height];
    each(WIDEN, (to.height * to.width * wide) / 4, [wide / 4, ...sizes, taps, down, last ? 1 : 0], from.values, to.values);
  };
  /** Writes relu(convolution of the maps) down, to `to`. */
  const concatenate = (writer: PassWriter, { own, smaller }: Concatenation, map: FeatureMap, maps: FeatureMap[], to: FeatureMap): void => {
    convolve(writer, own, map, to.values, { activation: maps.length > 0 ? 0 : relu });
    const most = Math.max(0, ...maps.map((small) => small.height * small.width));
    const products = most > 0 ? writer.buffers.floats(3 * wide * most) : null;
    for (const [i, small] of maps.entries())
      for (const [down, made] of smaller[i]!.entries()) {
        writer.product(made, small.values, products!, small.height * small.width);
        widen(writer, { ...small, values: products! }, to, 3, down, i === maps.length - 1 && down === 2);
      }
  };

  return {
    async finish() {
      const pipelines = await kit.pipelinesOf(gpu, products);
      await gpu.checked(() => gpu.device.queue.submit([kit.encode(gpu.device, temporary.bound(products, pipelines), temporary.floats(4))]));
    },

    addLevel(writer, level) {
      const {
        states,
        grid: { height, width },
      } = writer;
      const map = { height, width, values: states };
      if (level === 0) levels[0] = double(writer, upsampling[0]!, double(writer, first, map, gelu, 1), relu);
      else if (level < PLAIN) levels[level] = double(writer, upsampling[1]!, map, relu, 1);
      else if (level === PLAIN) {
        const next = (levels[level] = mapOf(writer, height, width));
        writer.product(lateral, states, next.values, height * width, { inBegin: 1, activation: relu });
      } else {
        const next = (levels[level] = mapOf(writer, height >> 1, width >> 1));
        writer.each(MAXIMUM, next.height * next.width * wide, [wide, width, next.width, 1], states, next.values);
      }
    },

    addRest(writer) {
      const maps = [...levels];
      const top = maps[TOP]!;
      const pooled = poolScales.map((scale, i) => {
        const means = mapOf(writer, scale, scale),
          mixed = mapOf(writer, scale, scale);
        writer.each(MEANS, scale * scale * wide, [wide, top.width, top.height, scale], top.values, means.values);
        writer.product(pooling[i]!, means.values, mixed.values, scale * scale, { activation: relu });
        return mixed;
      });
      const mixed = mapOf(writer, top.height, top.width);
      concatenate(writer, bottleneck, top, pooled, mixed);
      maps[TOP] = mixed;
      for (let level = TOP; level-- > 0; ) widen(writer, maps[level + 1]!, maps[level]!);
      const refined = maps.slice(0, TOP).map((map, level) => {
        const next = mapOf(writer, map.height, map.width);
        concatenate(writer, refining[level]!, map, [], next);
        return next;
      });
      const widest = maps[0]!;
      concatenate(writer, fusing, refined[0]!, [...refined.slice(1), mixed], widest);
      const logits = mapOf(writer, widest.height, widest.width, padded(numLabels));
      writer.product(classifier, widest.values, logits.values, widest.height * widest.width);
      return logits;
    },
  };
}
