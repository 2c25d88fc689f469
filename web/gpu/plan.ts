/** What a pass does on inputs of one shape: a list of dispatches and copies, made once, with the buffers between them. */
import type {
  Extras,
  FeatureMap,
  Filling,
  Inputs,
  Kind,
  Matrix,
  PassDraft,
  PassWriter,
  ProductOptions,
  Recorder,
  StartedPass,
  StepWriter,
  WrittenPass,
} from './contract.js';
import { largestBuffer, USE, type Gpu } from './device.js';
import type { GridSize } from './grid-resize.js';
import { attentionKernel, MEAN, NORM, PATCHES, productKernel, THREADS, TILES, TOKENS, type Tile } from './kernels.js';
import { CLASSIFIER, gridOf, padded, SEGMENTER, type AnyShape, type ModelShape } from './shape.js';
import { spread } from './spread.js';
import { Buffers, pipelinesOf, type Draft, type Groups, type Step } from './steps.js';
import type { Weights } from './weights.js';

export interface Plan extends Pick<PassDraft, 'outputs' | 'pixels' | 'mask' | 'logits'> {
  inputs: Inputs;
  steps: Step[];
  result: GPUBuffer;
  /** Of its buffers. */
  bytes: number;
  destroy(): void;
}

// Large GPUs stand still where a product has few tiles.
const FEW_TILES = 96;

/** No GPU must have more in one direction. */
const MOST_WORKGROUPS = 65535;

/** Returns the tile for a product of so many rows and columns. */
function tileFor(rows: number, columns: number): Tile {
  const count = (tile: Tile): number => Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
  return TILES.find((tile) => count(tile) >= FEW_TILES) ?? TILES.at(-1)!;
}

/** Returns how many images fit in one pass: what is largest of each is bound as one buffer, norms have a workgroup a row, and outputs come in one buffer. */
export function mostImages(
  { device }: Gpu,
  { className, numChannels, patchSize, widest }: ModelShape,
  { end }: Weights,
  size: GridSize,
  recorder: Recorder | null = null,
): number {
  const { height, width } = gridOf(size, patchSize);
  const tokens = 1 + height * width;
  const [bound, read] = recorder?.floats(tokens) ?? [0, 0];
  const usual = Math.max(numChannels * size.height * size.width, tokens * widest);
  const outputs = end?.floats?.(tokens) ?? usual;
  const room = Math.floor(
    Math.min(
      largestBuffer(device) / (4 * Math.max(bound, usual)),
      device.limits.maxBufferSize / (4 * (read + outputs)),
      MOST_WORKGROUPS / tokens,
    ),
  );
  return className === SEGMENTER ? Math.min(1, room) : room;
}

/** Returns a kernel with a thread for each of so many elements as a step. */
export function eachDraft(code: string, count: number, parameters: readonly number[], buffers: readonly GPUBuffer[]): Draft {
  const groups = Math.ceil(count / THREADS),
    across = Math.min(groups, MOST_WORKGROUPS);
  const grid: Groups = [across, Math.ceil(groups / across), 1];
  return { code, parameters: [count, ...parameters], buffers, grid, operations: count };
}

/** Returns whether a pass needs what is not of this file. */
export function needsExtras({ className, dtype, grid, patchSize }: ModelShape, size: GridSize): boolean {
  const { height, width } = gridOf(size, patchSize);
  // A table of biases is turned where it is not square.
  return dtype !== 'f32' || className !== CLASSIFIER || height !== grid.height || width !== grid.width || height !== width;
}

/** Returns a plan for inputs of one shape. Rejects where the GPU refuses it. `extras`: where they are needed (`needsExtras`). */
export async function makePlan(
  gpu: Gpu,
  kind: Kind,
  shape: AnyShape,
  weights: Filling,
  inputs: Inputs,
  extras: Extras | null,
  recorder: Recorder | null,
): Promise<Plan> {
  const buffers = new Buffers(gpu);
  try {
    const { drafts, bytes, ...rest } = await gpu.checked(() => kind.draftPass(buffers, shape, weights, inputs, extras, recorder));
    const pipelines = await pipelinesOf(gpu, drafts);
    return await gpu.checked(() => {
      const steps = buffers.bound(drafts, pipelines);
      const result = buffers.make(bytes, USE.read | USE.target);
      return { ...rest, inputs, steps, result, bytes: buffers.bytes, destroy: () => buffers.destroy() };
    });
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/** Begins to write a pass down. */
export function startPass(buffers: Buffers, inputs: Inputs): StartedPass {
  const pass: WrittenPass = { drafts: [], outputs: [], bytes: 0 };
  const { drafts, outputs } = pass;
  const writer: StepWriter = {
    inputs,
    buffers,
    product: (matrix, from, to, rows, options) => drafts.push(productDraft(matrix, from, to, rows, options)),
    each: (code, count, parameters, ...bound) => drafts.push(eachDraft(code, count, parameters, bound)),
    output(name, from, dims, length = dims.at(-1)!) {
      const rows = dims.reduce((a, b) => a * b) / length,
        bytes = 4 * rows * padded(length);
      outputs.push({ name, at: pass.bytes, dims, rows, length });
      drafts.push({ from, at: pass.bytes, bytes });
      pass.bytes += bytes;
    },
  };
  return { writer, pass };
}

/** Writes a pass down, in the order of the core's steps. */
export function draftPass(
  buffers: Buffers,
  shape: ModelShape,
  weights: Weights,
  inputs: Inputs,
  extras: Extras | null,
  recorder: Recorder | null,
): PassDraft {
  const { batch, height, width } = inputs;
  const { hiddenSize: channels, numAttentionHeads: heads, headPadded, numChannels, patchSize } = shape;
  const grid = gridOf(inputs, patchSize);
  const patches = grid.height * grid.width,
    tokens = 1 + patches,
    rows = batch * tokens,
    wide = padded(channels);
  const { writer: steps, pass } = startPass(buffers, inputs);
  const { product, each, output } = steps;
  const { drafts } = pass;

  /** Keeps the states after a layer (0: the embeddings) where they are wanted. */
  const keep = (index: number): void => {
    end?.after?.(writer, index);
    recorder?.after(writer, index);
  };
  const norm = (vectors: GPUBuffer, from: GPUBuffer, to: GPUBuffer, count = rows, stride = 1): void => {
    const parameters = [channels, wide, stride, [shape.layerNormEps] as const];
    drafts.push({ code: NORM, parameters, buffers: [from, vectors, to], grid: [count, 1, 1], operations: 8 * count * channels });
  };
  const pixels = buffers.floats(batch * numChannels * height * width);
  const mask = buffers.floats(batch * patches);
  const states = buffers.floats(rows * wide);
  const normalized = buffers.floats(rows * wide);
  const queryKeyValue = buffers.floats(rows * 3 * heads * headPadded);
  const context = buffers.floats(rows * heads * headPadded);
  const intermediate = buffers.floats(rows * padded(shape.intermediateSize));
  const nothing = buffers.floats(4);

  /** Returns a row for each image: its normalised class token, or the mean of its patches, normalised. */
  const pooled = (): GPUBuffer => {
    const result = buffers.floats(batch * wide);
    if (weights.norm) norm(weights.norm, states, result, batch, tokens);
    else {
      const mean = buffers.floats(batch * wide);
      each(MEAN, batch * wide, [wide, tokens, 1, 0], states, mean);
      norm(weights.poolNorm!, mean, result, batch);
    }
    return result;
  };
  const writer: PassWriter = { ...steps, grid, lastNorm: weights.norm, states, normalized, norm, pooled };
  const { projection, end, head } = weights;
  const values = projection.inputs;
  const columns = buffers.floats(batch * patches * values);
  each(PATCHES, batch * patches * values, [values, height, width, numChannels, patchSize.height, patchSize.width], pixels, columns);
  product(projection, columns, states, batch * patches, { perRun: patches, outStride: tokens, outBegin: 1 });
  const positions = positionsOf(shape, weights, grid, extras);
  const places = positions ? buffers.filled(positions) : nothing;
  each(TOKENS, rows * wide, [wide, tokens, positions ? 1 : 0], weights.classAndMask, places, mask, states);
  keep(0);

  const tables = biasTables(shape, weights, grid, extras).map((table) => buffers.filled(table));
  for (const [i, layer] of weights.layers.slice(0, recorder ? undefined : end?.layers).entries()) {
    norm(layer.normBefore, states, normalized);
    product(layer.queryKeyValue, normalized, queryKeyValue, rows);
    const table = tables[tables.length === 1 ? 0 : i];
    drafts.push({
      code: attentionKernel(headPadded / 4),
      parameters: [tokens, heads, grid.height, grid.width, table ? 1 : 0],
      buffers: [queryKeyValue, table ?? nothing, context],
      grid: [Math.ceil(tokens / THREADS), heads, batch],
      operations: 4 * rows * tokens * channels,
    });
    recorder?.attended(writer, i, queryKeyValue, table);
    product(layer.attentionOutput, context, states, rows, { add: true });
    norm(layer.normAfter, states, normalized);
    product(layer.intermediate, normalized, intermediate, rows, { activation: shape.activation });
    product(layer.output, intermediate, states, rows, { add: true });
    keep(i + 1);
  }

  let logits: FeatureMap | null = null;
  if (end) logits = end.rest?.(writer) ?? null;
  else {
    const row = pooled();
    const scores = head ? buffers.floats(batch * padded(head.outputs)) : row;
    if (head) product(head, row, scores, batch);
    output('logits', scores, [batch, head?.outputs ?? channels]);
  }
  return { ...pass, pixels, mask, logits };
}

/** Returns the positions of a grid's tokens, padded; null where there are none. */
function positionsOf(shape: ModelShape, { positions }: Weights, grid: GridSize, extras: Extras | null): Float32Array | null {
  if (!positions) return null;
  const { hiddenSize: channels } = shape;
  const trained = positions.subarray(channels);
  const resized = extras?.resizeGrid(trained, shape.grid, grid, channels, true) ?? trained;
  const rows = new Float32Array(channels + resized.length);
  rows.set(positions.subarray(0, channels));
  rows.set(resized, channels);
  return spread(rows, channels, padded(channels));
}

/** Returns the tables of a grid, (heads, distances): one for each layer, one for all, or none. */
function biasTables(
  { grid: trained, numAttentionHeads: heads, useRelativePositionBias }: ModelShape,
  { sharedBias, biases }: Weights,
  grid: GridSize,
  extras: Extras | null,
): Float32Array[] {
  const resized = (table: Float32Array): Float32Array => extras?.resizeBiasTable(table, trained, grid, heads) ?? table;
  const shared = sharedBias && resized(sharedBias);
  const sums = useRelativePositionBias
    ? biases.map((table) => resized(table).map((value, i) => (shared ? value + shared[i]! : value)))
    : shared
      ? [shared]
      : [];
  return sums.map((table) => {
    const distances = table.length / heads;
    return table.map((_, i) => table[(i % distances) * heads + Math.floor(i / distances)]!);
  });
}

/** Returns a product as a step. */
export function productDraft(
  { outputs, inputs, weights, vectors, packing }: Matrix,
  from: GPUBuffer,
  to: GPUBuffer,
  rows: number,
  {
    activation = 0,
    add = false,
    perRun = rows,
    inStride = perRun,
    inBegin = 0,
    outStride = perRun,
    outBegin = 0,
    gather,
  }: ProductOptions = {},
  tile = tileFor(rows, outputs),
): Draft {
  return {
    code: productKernel(tile, gather, packing),
    parameters: [rows, outputs, padded(outputs), inputs / 4, activation, add ? 1 : 0, perRun, inStride, inBegin, outStride, outBegin],
    buffers: [from, weights, vectors, to],
    grid: [Math.ceil(padded(outputs) / tile.columns), Math.ceil(rows / tile.rows), 1],
    operations: 2 * rows * outputs * inputs,
  };
}
