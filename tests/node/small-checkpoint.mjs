// A BeitForImageClassification that is large enough to learn sixteen pictures by heart, and small enough to do so in a second.
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';

const HIDDEN = 32;
const INNER = 64;
const LAYERS = 2;
const HEADS = 2;
const SIDE = 16;
const PATCH = 4;

/** Returns its files as bytes by name, with those labels. */
export function smallFiles(labels = ['cat', 'dog']) {
  let state = 1;
  const list = {};
  const add = (name, scale, ...dims) => {
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
      state = (state * 48271) % 2147483647;
      return (state / 2147483647 - 0.5) * 2 * scale;
    });
    list[name] = { dims, data };
  };
  const affine = (name, outputs, inputs) => {
    add(`${name}.weight`, 1 / Math.sqrt(inputs), outputs, inputs);
    add(`${name}.bias`, 0.1, outputs);
  };
  const ones = (name) => {
    list[name] = { dims: [HIDDEN], data: new Float32Array(HIDDEN).fill(1) };
  };
  const norm = (name) => {
    ones(`${name}.weight`);
    add(`${name}.bias`, 0.1, HIDDEN);
  };
  add('beit.embeddings.cls_token', 0.1, 1, 1, HIDDEN);
  add('beit.embeddings.patch_embeddings.projection.weight', 0.2, HIDDEN, 3, PATCH, PATCH);
  add('beit.embeddings.patch_embeddings.projection.bias', 0.1, HIDDEN);
  for (let i = 0; i < LAYERS; ++i) {
    const layer = `beit.encoder.layer.${i}`;
    affine(`${layer}.attention.attention.query`, HIDDEN, HIDDEN);
    add(`${layer}.attention.attention.key.weight`, 1 / Math.sqrt(HIDDEN), HIDDEN, HIDDEN);
    affine(`${layer}.attention.attention.value`, HIDDEN, HIDDEN);
    const window = (2 * SIDE) / PATCH - 1;
    add(`${layer}.attention.attention.relative_position_bias.relative_position_bias_table`, 0.1, window * window + 3, HEADS);
    affine(`${layer}.attention.output.dense`, HIDDEN, HIDDEN);
    affine(`${layer}.intermediate.dense`, INNER, HIDDEN);
    affine(`${layer}.output.dense`, HIDDEN, INNER);
    norm(`${layer}.layernorm_before`);
    norm(`${layer}.layernorm_after`);
    ones(`${layer}.lambda_1`);
    ones(`${layer}.lambda_2`);
  }
  norm('beit.pooler.layernorm');
  affine('classifier', labels.length, HIDDEN);
  const json = (value) => new TextEncoder().encode(JSON.stringify(value));
  return {
    'config.json': json({
      architectures: ['BeitForImageClassification'],
      model_type: 'beit',
      hidden_size: HIDDEN,
      num_hidden_layers: LAYERS,
      num_attention_heads: HEADS,
      intermediate_size: INNER,
      image_size: SIDE,
      patch_size: PATCH,
      use_relative_position_bias: true,
      drop_path_rate: 0.2,
      id2label: Object.fromEntries(labels.entries()),
      label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    }),
    'preprocessor_config.json': json({ size: { height: SIDE, width: SIDE }, do_center_crop: false, image_mean: [0.5, 0.5, 0.5] }),
    'model.safetensors': writeSafetensors(list),
  };
}

/** Returns a picture of noise. */
export function noise(seed, side = SIDE) {
  let state = seed + 1;
  const data = Uint8Array.from({ length: side * side * 3 }, () => {
    state = (state * 48271) % 2147483647;
    return state >> 8;
  });
  return { width: side, height: side, channels: 3, data };
}
