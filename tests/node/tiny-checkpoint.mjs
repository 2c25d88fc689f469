// The smallest BeitForImageClassification: 5 KB, so that every length of its file can be tried.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';

export const config = {
  architectures: ['BeitForImageClassification'],
  model_type: 'beit',
  hidden_size: 4,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 6,
  image_size: 8,
  patch_size: 4,
  use_relative_position_bias: true,
  id2label: { 0: 'cat', 1: 'dog', 2: 'owl' },
  label2id: { cat: 0, dog: 1, owl: 2 },
};

export const processor = {
  do_resize: true,
  size: { height: 8, width: 8 },
  resample: 2,
  do_center_crop: false,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

/** Returns {name: {dims, data}}: values that differ from each other, none of them zero. */
export function tensors() {
  return encoderTensors({}, (add, affine) => {
    affine('beit.pooler.layernorm', 4);
    affine('classifier', 3, 4);
  });
}

/** Adds the encoder's tensors and what `addHead` adds to `list`, and returns it. */
function encoderTensors(list, addHead) {
  let seed = 1;
  const add = (name, ...dims) => {
    const count = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647 - 0.5;
    });
    list[name] = { dims, data };
  };
  const affine = (name, ...dims) => {
    add(`${name}.weight`, ...dims);
    add(`${name}.bias`, dims[0]);
  };
  add('beit.embeddings.cls_token', 1, 1, 4);
  affine('beit.embeddings.patch_embeddings.projection', 4, 3, 4, 4);
  for (const layer of ['beit.encoder.layer.0', 'beit.encoder.layer.1']) {
    affine(`${layer}.attention.attention.query`, 4, 4);
    add(`${layer}.attention.attention.key.weight`, 4, 4);
    affine(`${layer}.attention.attention.value`, 4, 4);
    add(`${layer}.attention.attention.relative_position_bias.relative_position_bias_table`, 12, 2);
    affine(`${layer}.attention.output.dense`, 4, 4);
    affine(`${layer}.intermediate.dense`, 6, 4);
    affine(`${layer}.output.dense`, 4, 6);
    affine(`${layer}.layernorm_before`, 4);
    affine(`${layer}.layernorm_after`, 4);
    add(`${layer}.lambda_1`, 4);
    add(`${layer}.lambda_2`, 4);
  }
  addHead(add, affine);
  return list;
}

const json = (value) => new TextEncoder().encode(JSON.stringify(value));

/** Returns the checkpoint's files as bytes by name; `changed` replaces some, null leaves one out. */
export function files(changed = {}) {
  const all = {
    'config.json': json(config),
    'preprocessor_config.json': json(processor),
    'model.safetensors': writeSafetensors(tensors()),
    ...changed,
  };
  return Object.fromEntries(Object.entries(all).filter(([, bytes]) => bytes !== null));
}

/** Writes its files into a folder, which is made if need be; returns that. */
export function writeCheckpoint(folder) {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files())) writeFileSync(join(folder, name), bytes);
  return folder;
}

/** Returns a safetensors file of a header, given as an object or text, and data. */
export function rawSafetensors(header, data = new Uint8Array(0), headerLength = undefined) {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : json(header);
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength ?? text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** (1, 3, 8, 8) */
export const pixelValues = { dims: [1, 3, 8, 8], data: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)) };

/**
 * Returns the files of a tiny BeitForMaskedImageModeling: no pooler, a mask token, a head for `vocab`
 * tokens. Its processor gives 32 x 32 pixels, so 8 x 8 patches. `changed` replaces fields of its
 * config and processor, and tensors; null leaves a tensor out.
 */
export function maskedFiles(vocab, changed = {}) {
  const list = encoderTensors({}, (add, affine) => {
    add('beit.embeddings.mask_token', 1, 1, 4);
    affine('layernorm', 4);
    affine('lm_head', vocab, 4);
  });
  const kept = Object.entries({ ...list, ...changed.tensors }).filter(([, tensor]) => tensor !== null);
  return {
    'config.json': json({
      ...config,
      architectures: ['BeitForMaskedImageModeling'],
      use_mask_token: true,
      vocab_size: vocab,
      ...changed.config,
    }),
    'preprocessor_config.json': json({ ...processor, size: { height: 32, width: 32 }, ...changed.processor }),
    'model.safetensors': writeSafetensors(Object.fromEntries(kept)),
  };
}
