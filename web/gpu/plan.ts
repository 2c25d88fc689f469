/** What a pass does on inputs of one shape: a list of dispatches and copies, made once, with the buffers between them. */
import { largestBuffer, USE, type Gpu } from './device.js';
import { resizeBiasTable, resizeGrid, type GridSize } from './grid-resize.js';
import { attentionKernel, MEAN, NORM, PATCHES, productKernel, THREADS, TILES, TOKENS, type Tile } from './kernels.js';
import { BACKBONE, CLASSIFIER, gridOf, padded, type ModelShape } from './shape.js';
import { Buffers, pipelinesOf, type Copy, type Draft, type Groups, type Step } from './steps.js';
import type { Matrix, Weights } from './weights.js';

export interface Inputs {
  batch: number;
  /** In pixels. */
  height: number;
  width: number;
  hiddenStates: boolean;
}

export interface Output {
  name: string;
  /** In the buffer that is read back. */
  at: number;
  /** (batch, …): rows of `channels`, padded. */
  dims: number[];
  rows: number;
  channels: number;
  /** Whether rows, behind a class token, are to become planes. */
  map: boolean;
}

export interface Plan {
  inputs: Inputs;
  steps: Step[];
  outputs: Output[];
  pixels: GPUBuffer;
  mask: GPUBuffer;
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

/** Returns how many images fit in one pass: what is largest of each is bound as one buffer, and norms have a workgroup a row. */
export function mostImages({ device }: Gpu, shape: ModelShape, size: GridSize): number {
  const { height, width } = gridOf(size, shape.patchSize);
  const tokens = 1 + height * width;
  const { numChannels, patchSize, numAttentionHeads, headPadded, intermediateSize, outputs } = shape;
  const largest = Math.max(
    numChannels * size.height * size.width,
    tokens *
      Math.max(
        padded(numChannels * patchSize.height * patchSize.width),
        padded(intermediateSize),
        3 * numAttentionHeads * headPadded,
        padded(outputs),
      ),
  );
  return Math.floor(Math.min(largestBuffer(device) / (4 * largest), MOST_WORKGROUPS / tokens));
}

interface ProductOptions {
  activation?: number;
  /** Whether it is added to what is there. */
  add?: boolean;
  /** Rows of the operand: how many lie behind each other, how far runs are apart and where the first begins. */
  perRun?: number;
  inStride?: number;
  inBegin?: number;
  outStride?: number;
  outBegin?: number;
}

/** Returns a plan for inputs of one shape. Rejects where the GPU refuses it. */
export async function makePlan(gpu: Gpu, shape: ModelShape, weights: Weights, inputs: Inputs): Promise<Plan> {
  const buffers = new Buffers(gpu);
  try {
    const { drafts, outputs, pixels, mask, bytes } = await gpu.checked(() => draftPass(buffers, shape, weights, inputs));
    const pipelines = await pipelinesOf(gpu, drafts);
    return await gpu.checked(() => {
      const steps = buffers.bound(drafts, pipelines);
      const result = buffers.make(bytes, USE.read | USE.target);
      return { inputs, steps, outputs, pixels, mask, result, bytes: buffers.bytes, destroy: () => buffers.destroy() };
    });
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/** What a pass is before its kernels are compiled; `bytes`: of all outputs. */
interface PassDraft {
  drafts: (Draft | Copy)[];
  outputs: Output[];
  pixels: GPUBuffer;
  mask: GPUBuffer;
  bytes: number;
}

/** Writes a pass down, in the order of the core's steps. */
function draftPass(buffers: Buffers, shape: ModelShape, weights: Weights, inputs: Inputs): PassDraft {
  const { batch, height, width, hiddenStates } = inputs;
  const { hiddenSize: channels, numAttentionHeads: heads, headPadded, numChannels, patchSize, stages, className } = shape;
  const grid = gridOf(inputs, patchSize);
  const patches = grid.height * grid.width,
    tokens = 1 + patches,
    rows = batch * tokens,
    wide = padded(channels);
  const drafts: (Draft | Copy)[] = [];
  const outputs: Output[] = [];
  let bytes = 0;

  const output = (name: string, from: GPUBuffer, dims: number[], map = false): void => {
    const last = map ? channels : dims.at(-1)!;
    const count = map ? rows : dims.slice(0, -1).reduce((a, b) => a * b, 1);
    outputs.push({ name, at: bytes, dims, rows: count, channels: last, map });
    drafts.push({ from, at: bytes, bytes: 4 * count * padded(last) });
    bytes += 4 * count * padded(last);
  };
  /** Keeps the states after a layer (0: the embeddings) where they are wanted. */
  const keep = (index: number): void => {
    const level = stages.indexOf(index);
    const dims = [batch, tokens, channels];
    if (level >= 0) {
      if (shape.reshapeHiddenStates) output(`feature_maps.${level}`, states, [batch, channels, grid.height, grid.width], true);
      else output(`feature_maps.${level}`, states, dims);
    }
    if (hiddenStates) output(`hidden_states.${index}`, states, dims);
  };
  const norm = (vectors: GPUBuffer, from: GPUBuffer, to: GPUBuffer, count = rows, stride = 1): void => {
    const parameters = [channels, wide, stride, [shape.layerNormEps] as const];
    drafts.push({ code: NORM, parameters, buffers: [from, vectors, to], grid: [count, 1, 1], operations: 8 * count * channels });
  };
  const product = (matrix: Matrix, from: GPUBuffer, to: GPUBuffer, count = rows, options: ProductOptions = {}): void => {
    drafts.push(productDraft(matrix, from, to, count, tileFor(count, matrix.outputs), options));
  };
  /** Has a thread for each of so many elements. */
  const each = (code: string, count: number, parameters: number[], ...bound: GPUBuffer[]): void => {
    const groups = Math.ceil(count / THREADS),
      across = Math.min(groups, MOST_WORKGROUPS);
    const all: Groups = [across, Math.ceil(groups / across), 1];
    drafts.push({ code, parameters: [count, ...parameters], buffers: bound, grid: all, operations: count });
  };

  const pixels = buffers.floats(batch * numChannels * height * width);
  const mask = buffers.floats(batch * patches);
  const states = buffers.floats(rows * wide);
  const normalized = buffers.floats(rows * wide);
  const queryKeyValue = buffers.floats(rows * 3 * heads * headPadded);
  const context = buffers.floats(rows * heads * headPadded);
  const intermediate = buffers.floats(rows * padded(shape.intermediateSize));
  const nothing = buffers.floats(4);

  const { projection } = weights;
  const values = projection.inputs;
  const columns = buffers.floats(batch * patches * values);
  each(PATCHES, batch * patches * values, [values, height, width, numChannels, patchSize.height, patchSize.width], pixels, columns);
  product(projection, columns, states, batch * patches, { perRun: patches, outStride: tokens, outBegin: 1 });
  const positions = positionsOf(shape, weights, grid);
  const places = positions ? buffers.filled(positions) : nothing;
  each(TOKENS, rows * wide, [wide, tokens, positions ? 1 : 0], weights.tokens, places, mask, states);
  keep(0);

  const tables = biasTables(shape, weights, grid).map((table) => buffers.filled(table));
  const last = stages.length > 0 && !hiddenStates ? stages.at(-1)! : shape.numHiddenLayers;
  for (const [i, layer] of weights.layers.slice(0, last).entries()) {
    norm(layer.normBefore, states, normalized);
    product(layer.queryKeyValue, normalized, queryKeyValue);
    const table = tables[tables.length === 1 ? 0 : i];
    drafts.push({
      code: attentionKernel(headPadded / 4),
      parameters: [tokens, heads, grid.height, grid.width, table ? 1 : 0],
      buffers: [queryKeyValue, table ?? nothing, context],
      grid: [Math.ceil(tokens / THREADS), heads, batch],
      operations: 4 * rows * tokens * channels,
    });
    product(layer.attentionOutput, context, states, rows, { add: true });
    norm(layer.normAfter, states, normalized);
    product(layer.intermediate, normalized, intermediate, rows, { activation: shape.activation });
    product(layer.output, intermediate, states, rows, { add: true });
    keep(i + 1);
  }

  /** Returns a row for each image: its normalised class token, or the mean of its patches, normalised. */
  const pooled = (): GPUBuffer => {
    const result = buffers.floats(batch * wide);
    if (weights.norm) norm(weights.norm, states, result, batch, tokens);
    else {
      const mean = buffers.floats(batch * wide);
      each(MEAN, batch * wide, [wide, tokens], states, mean);
      norm(weights.poolNorm!, mean, result, batch);
    }
    return result;
  };
  const { head } = weights;
  if (className === CLASSIFIER) {
    const row = pooled();
    const logits = head ? buffers.floats(batch * padded(head.outputs)) : row;
    if (head) product(head, row, logits, batch);
    output('logits', logits, [batch, head?.outputs ?? channels]);
  } else if (className !== BACKBONE) {
    let [final, other] = [states, normalized];
    for (const vectors of [weights.norm, weights.headNorm]) {
      if (!vectors) continue;
      norm(vectors, final, other);
      [final, other] = [other, final];
    }
    if (head) {
      const logits = buffers.floats(batch * patches * padded(head.outputs));
      product(head, final, logits, batch * patches, { perRun: patches, inStride: tokens, inBegin: 1 });
      output('logits', logits, [batch, patches, head.outputs]);
    } else {
      output('last_hidden_state', final, [batch, tokens, channels]);
      if (shape.pool) output('pooler_output', pooled(), [batch, channels]);
    }
  }
  return { drafts, outputs, pixels, mask, bytes };
}

/** Returns the positions of a grid's tokens, padded; null where there are none. */
function positionsOf(shape: ModelShape, { positions }: Weights, grid: GridSize): Float32Array | null {
  if (!positions) return null;
  const { hiddenSize: channels } = shape;
  const same = grid.height === shape.grid.height && grid.width === shape.grid.width;
  const resized = same ? positions.subarray(channels) : resizeGrid(positions.subarray(channels), shape.grid, grid, channels, true);
  const rows = new Float32Array(padded(channels) * (1 + grid.height * grid.width));
  rows.set(positions.subarray(0, channels));
  for (let at = 0, to = padded(channels); at < resized.length; at += channels, to += padded(channels))
    rows.set(resized.subarray(at, at + channels), to);
  return rows;
}

/** Returns the tables of a grid, (heads, distances): one for each layer, one for all, or none. */
function biasTables(
  { grid: trained, numAttentionHeads: heads, useRelativePositionBias }: ModelShape,
  { sharedBias, biases }: Weights,
  grid: GridSize,
): Float32Array[] {
  const resized = (table: Float32Array): Float32Array => resizeBiasTable(table, trained, grid, heads);
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
  { outputs, inputs, weights, vectors }: Matrix,
  from: GPUBuffer,
  to: GPUBuffer,
  rows: number,
  tile: Tile,
  { activation = 0, add = false, perRun = rows, inStride = perRun, inBegin = 0, outStride = perRun, outBegin = 0 }: ProductOptions = {},
): Draft {
  return {
    code: productKernel(tile),
    parameters: [rows, outputs, padded(outputs), inputs / 4, activation, add ? 1 : 0, perRun, inStride, inBegin, outStride, outBegin],
    buffers: [from, weights, vectors, to],
    grid: [Math.ceil(padded(outputs) / tile.columns), Math.ceil(rows / tile.rows), 1],
    operations: 2 * rows * outputs * inputs,
  };
}
