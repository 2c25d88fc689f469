/** A model's weights as buffers, filled tensor by tensor from the core's conversion to transformers' names. */
import type { End, Extras, Filling, Kit, Matrix, StartedWeights } from './contract.js';
import { largestBuffer } from './device.js';
import { FLOATS } from './kernels.js';
import { CLASSIFIER, padded, type ModelShape } from './shape.js';
import { spread } from './spread.js';
import type { Buffers } from './steps.js';

export interface Layer {
  normBefore: GPUBuffer;
  queryKeyValue: Matrix;
  attentionOutput: Matrix;
  normAfter: GPUBuffer;
  intermediate: Matrix;
  output: Matrix;
}

export interface Weights extends Filling {
  projection: Matrix;
  /** The class token, and the mask token. */
  classAndMask: GPUBuffer;
  layers: Layer[];
  norm: GPUBuffer | null;
  poolNorm: GPUBuffer | null;
  head: Matrix | null;
  /** As trained: (1 + patches, channels) of positions, and (distances, heads) of biases, for all layers and for each. */
  positions: Float32Array | null;
  sharedBias: Float32Array | null;
  biases: Float32Array[];
  end: End | null;
}

/** Begins weights of any model. */
export function startWeights(buffers: Buffers): StartedWeights {
  const { device } = buffers.gpu;
  const takers: Filling['takers'] = new Map();

  const make = (floats: number): GPUBuffer => {
    const limit = largestBuffer(device);
    if (4 * floats > limit) throw new Error(`a matrix has ${4 * floats} bytes, and it reads ${limit} at once`);
    return buffers.floats(floats);
  };
  const write = (buffer: GPUBuffer, floats: number, values: Float32Array): void =>
    device.queue.writeBuffer(buffer, 4 * floats, values as Float32Array<ArrayBuffer>);
  const bare = (rows: number, inputs: number, packing = FLOATS): Matrix => {
    const wide = padded(rows);
    const vectors = make(3 * wide);
    write(vectors, wide, new Float32Array(2 * wide).fill(1));
    return { outputs: rows, inputs, weights: make((rows * inputs * packing.bytes) / 16), vectors, packing };
  };
  return { takers, make, write, bare };
}

/** Returns weights of zeros, to be filled. Throws where the GPU cannot have them. `extras`: where they are needed. */
export function makeWeights(buffers: Buffers, temporary: Buffers, shape: ModelShape, kit: Kit, extras: Extras | null): Weights {
  const {
    hiddenSize,
    numAttentionHeads: heads,
    headChannels,
    headPadded,
    intermediateSize,
    patchSize,
    norm,
    pool,
    numLabels,
    dtype,
  } = shape;
  const wide = padded(hiddenSize),
    wideHeads = heads * headPadded;
  const packing = extras?.packings[dtype];
  const elsewhere = packing?.everywhere ? packing : undefined;
  const { takers, make, write, bare } = startWeights(buffers);
  const vector = (name: string, buffer: GPUBuffer, at: number): void => {
    takers.set(name, (values) => write(buffer, at, values));
  };
  const normOf = (name: string): GPUBuffer => {
    const buffer = make(2 * wide);
    vector(`${name}.weight`, buffer, 0);
    vector(`${name}.bias`, buffer, wide);
    return buffer;
  };
  /** Writes rows of a matrix, `row` the first. */
  const fill = ({ packing = FLOATS, outputs, inputs, weights, vectors }: Matrix, row: number, values: Float32Array): void => {
    const { stored, scales } = packing.pack(values, inputs);
    buffers.gpu.device.queue.writeBuffer(weights, (row * inputs * packing.bytes) / 4, stored as Float32Array<ArrayBuffer>);
    if (scales) write(vectors, 2 * padded(outputs) + row, scales);
  };
  /** Inputs come in runs of `length`, of which each is padded. */
  const matrix = (name: string, rows: number, inputs: number, length = inputs, as = elsewhere): Matrix => {
    const made = bare(rows, (inputs / length) * padded(length), as);
    takers.set(`${name}.weight`, (values) => fill(made, 0, spread(values, length, padded(length))));
    vector(`${name}.bias`, made.vectors, 0);
    return made;
  };
  /** The three projections as one, their heads padded; the queries' factor is 1/sqrt(D). */
  const projections = (name: string): Matrix => {
    const made = bare(3 * wideHeads, wide, packing);
    write(made.vectors, 3 * wideHeads, new Float32Array(wideHeads).fill(1 / Math.sqrt(headChannels)));
    for (const [i, part] of ['query', 'key', 'value'].entries()) {
      takers.set(`${name}.${part}.weight`, (values) =>
        fill(made, i * wideHeads, spread(spread(values, hiddenSize, wide), headChannels * wide, headPadded * wide)),
      );
      if (part !== 'key')
        takers.set(`${name}.${part}.bias`, (values) => write(made.vectors, i * wideHeads, spread(values, headChannels, headPadded)));
    }
    return made;
  };

  const table = 'relative_position_bias.relative_position_bias_table';
  const layers = Array.from({ length: shape.numHiddenLayers }, (_, i): Layer => {
    const name = `beit.encoder.layer.${i}`;
    const layer = {
      normBefore: normOf(`${name}.layernorm_before`),
      queryKeyValue: projections(`${name}.attention.attention`),
      attentionOutput: matrix(`${name}.attention.output.dense`, hiddenSize, hiddenSize, headChannels, packing),
      normAfter: normOf(`${name}.layernorm_after`),
      intermediate: matrix(`${name}.intermediate.dense`, intermediateSize, hiddenSize, hiddenSize, packing),
      output: matrix(`${name}.output.dense`, hiddenSize, intermediateSize, intermediateSize, packing),
    };
    if (shape.layerScaleInitValue > 0) {
      vector(`${name}.lambda_1`, layer.attentionOutput.vectors, wide);
      vector(`${name}.lambda_2`, layer.output.vectors, wide);
    }
    if (shape.useRelativePositionBias) {
      takers.set(`${name}.attention.attention.${table}`, (values) => {
        weights.biases[i] = values;
      });
    }
    return layer;
  });
  const classifies = shape.className === CLASSIFIER;
  const weights: Weights = {
    projection: matrix('beit.embeddings.patch_embeddings.projection', hiddenSize, shape.numChannels * patchSize.height * patchSize.width),
    classAndMask: make(2 * wide),
    layers,
    norm: norm ? normOf('beit.layernorm') : null,
    poolNorm: pool && !norm ? normOf('beit.pooler.layernorm') : null,
    head: classifies && numLabels > 0 ? matrix('classifier', numLabels, hiddenSize) : null,
    end: classifies ? null : extras!.makeEnd(kit, buffers.gpu, { shape, takers, temporary, write, bare, matrix, normOf }),
    positions: null,
    sharedBias: null,
    biases: [],
    buffers,
    takers,
  };
  vector('beit.embeddings.cls_token', weights.classAndMask, 0);
  if (shape.useMaskToken) vector('beit.embeddings.mask_token', weights.classAndMask, wide);
  const keep = (name: string, as: 'positions' | 'sharedBias'): void => {
    takers.set(name, (values) => {
      weights[as] = values;
    });
  };
  if (shape.useAbsolutePositionEmbeddings) keep('beit.embeddings.position_embeddings', 'positions');
  if (shape.useSharedRelativePositionBias) keep(`beit.encoder.${table}`, 'sharedBias');
  return weights;
}
