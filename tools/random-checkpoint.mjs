#!/usr/bin/env node
// Writes a BeitForImageClassification or BeitForSemanticSegmentation checkpoint of random weights, as
// transformers would save it: the names, shapes and order of its state dict, with magnitudes a trained model could have.
// It feeds the benchmarks, which need the real size of a model and not its knowledge. One tensor is
// written after the other in pieces, so memory stays flat whatever the size of the model.
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `usage: random-checkpoint.mjs OUT_DIR [--task classification|segmentation] [--size base|large|narrow|tiny]
         [--image-size 224] [--labels 1000] [--dtype f32|f16|bf16] [--shards N] [--seed N]`;

export const sizes = {
  tiny: { hidden: 64, layers: 4, heads: 2, intermediate: 128, layerScale: 0.1, taps: [1, 2, 3, 4] },
  narrow: { hidden: 96, layers: 12, heads: 3, intermediate: 384, layerScale: 0.1, taps: [3, 5, 7, 11] },
  base: { hidden: 768, layers: 12, heads: 12, intermediate: 3072, layerScale: 0.1, taps: [3, 5, 7, 11] },
  large: { hidden: 1024, layers: 24, heads: 16, intermediate: 4096, layerScale: 1e-5, taps: [7, 11, 15, 23] },
};
const tasks = { classification: 'BeitForImageClassification', segmentation: 'BeitForSemanticSegmentation' };
const poolScales = [1, 2, 3, 6];
const dtypes = {
  f32: { name: 'F32', torch: 'float32', bytes: 4, encode: f32Bits },
  f16: { name: 'F16', torch: 'float16', bytes: 2, encode: f16Bits },
  bf16: { name: 'BF16', torch: 'bfloat16', bytes: 2, encode: bf16Bits },
};
const patchSize = 16;
const channels = 3;
const pieceElements = 1 << 18; // 1 MB of f32: large enough that the write call costs nothing
const tableElements = 1 << 16; // see drawTensor

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

function f32Bits(value) {
  scratchFloat[0] = value;
  return scratchBits[0];
}

/** Bits of the bfloat16 nearest to value, ties to even; value is finite. */
function bf16Bits(value) {
  const bits = f32Bits(value);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Bits of the IEEE half nearest to value, ties to even; |value| is below 65504. */
function f16Bits(value) {
  const bits = f32Bits(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24.
    const scaled = Math.abs(scratchFloat[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor & 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** xorshift32: a generator of uint32, never 0. The seed and the tensor's name start it, so a tensor
 *  has the same values whatever the number of shards. */
function generator(seed, name) {
  let state = 0x811c9dc5 ^ seed;
  for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  state = state >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  for (let i = 0; i < 16; ++i) next();
  return next;
}

const uniform = (next) => next() / 2 ** 32;
const normal = (next) => Math.sqrt(-2 * Math.log(uniform(next))) * Math.cos(2 * Math.PI * uniform(next));

/** Every tensor of the state dict: {name, shape, draw}, sorted by name as safetensors writes them. */
export function stateDict({ task = 'classification', hidden, layers, heads, intermediate, imageSize, labels }) {
  const tensors = [];
  const add = (name, shape, draw) => tensors.push({ name, shape, draw });
  const gaussian =
    (scale, mean = 0) =>
    (next) =>
      mean + scale * normal(next);
  const linear = (name, out, input, bias = true) => {
    add(`${name}.weight`, [out, input], gaussian(1 / Math.sqrt(input)));
    if (bias) add(`${name}.bias`, [out], gaussian(0.1));
  };
  const norm = (name) => {
    add(`${name}.weight`, [hidden], gaussian(0.1, 1));
    add(`${name}.bias`, [hidden], gaussian(0.1));
  };
  const normalized = (name, input, kernel) => {
    add(`${name}.conv.weight`, [hidden, input, kernel, kernel], gaussian(1 / Math.sqrt(input * kernel ** 2)));
    batchNorm(`${name}.bn`);
  };
  const batchNorm = (name) => {
    norm(name);
    add(`${name}.running_mean`, [hidden], gaussian(0.1));
    add(`${name}.running_var`, [hidden], (next) => 0.5 + uniform(next));
  };
  const upsampling = (name) => {
    add(`${name}.weight`, [hidden, hidden, 2, 2], gaussian(1 / Math.sqrt(hidden)));
    add(`${name}.bias`, [hidden], gaussian(0.1));
  };

  add('beit.embeddings.cls_token', [1, 1, hidden], gaussian(0.5));
  const patch = 'beit.embeddings.patch_embeddings.projection';
  const fanIn = channels * patchSize ** 2;
  add(`${patch}.weight`, [hidden, channels, patchSize, patchSize], gaussian(1 / Math.sqrt(fanIn)));
  add(`${patch}.bias`, [hidden], gaussian(0.1));
  const window = imageSize / patchSize;
  for (let layer = 0; layer < layers; ++layer) {
    const at = `beit.encoder.layer.${layer}`;
    const attention = `${at}.attention.attention`;
    linear(`${attention}.query`, hidden, hidden);
    linear(`${attention}.key`, hidden, hidden, false);
    linear(`${attention}.value`, hidden, hidden);
    const table = `${attention}.relative_position_bias.relative_position_bias_table`;
    add(table, [(2 * window - 1) ** 2 + 3, heads], gaussian(0.5));
    linear(`${at}.attention.output.dense`, hidden, hidden);
    linear(`${at}.intermediate.dense`, intermediate, hidden);
    linear(`${at}.output.dense`, hidden, intermediate);
    norm(`${at}.layernorm_before`);
    norm(`${at}.layernorm_after`);
    for (const lambda of ['lambda_1', 'lambda_2']) {
      add(`${at}.${lambda}`, [hidden], (next) => 0.1 + 0.9 * uniform(next));
    }
  }
  if (task === 'classification') {
    norm('beit.pooler.layernorm');
    linear('classifier', labels, hidden);
  } else {
    upsampling('fpn1.0');
    batchNorm('fpn1.1');
    upsampling('fpn1.3');
    upsampling('fpn2.0');
    poolScales.forEach((_, i) => normalized(`decode_head.psp_modules.${i}.1`, hidden, 1));
    normalized('decode_head.bottleneck', (1 + poolScales.length) * hidden, 3);
    for (const level of [0, 1, 2]) {
      normalized(`decode_head.lateral_convs.${level}`, hidden, 1);
      normalized(`decode_head.fpn_convs.${level}`, hidden, 3);
    }
    normalized('decode_head.fpn_bottleneck', 4 * hidden, 3);
    add('decode_head.classifier.weight', [labels, hidden, 1, 1], gaussian(1 / Math.sqrt(hidden)));
    add('decode_head.classifier.bias', [labels], gaussian(0.1));
  }

  for (const tensor of tensors) tensor.count = tensor.shape.reduce((a, b) => a * b, 1);
  return tensors.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Yields the tensor's bytes, at most pieceElements elements a time, in a buffer that is reused. */
function* drawTensor({ name, count, draw }, dtype, seed) {
  const next = generator(seed, name);
  const Bits = dtype.bytes === 4 ? Uint32Array : Uint16Array;
  const encoded = (length) => Bits.from({ length }, () => dtype.encode(draw(next)));
  if (count <= tableElements) {
    yield encoded(count);
    return;
  }
  // Large tensors draw from a table of encoded samples: 20 times faster than a logarithm, a cosine
  // and a conversion an element, and no benchmark can tell the difference.
  const table = encoded(tableElements);
  const piece = new Bits(pieceElements);
  for (let done = 0; done < count; done += pieceElements) {
    const length = Math.min(pieceElements, count - done);
    for (let i = 0; i < length; ++i) piece[i] = table[next() >>> 16];
    yield piece.subarray(0, length);
  }
}

function writeAll(fd, bytes) {
  for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done);
}

function writeSafetensors(path, tensors, dtype, seed) {
  const header = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, shape, count } of tensors) {
    const end = offset + count * dtype.bytes;
    header[name] = { dtype: dtype.name, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8)); // data starts aligned to 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const fd = openSync(path, 'w');
  try {
    writeAll(fd, length);
    writeAll(fd, text);
    for (const tensor of tensors) {
      for (const piece of drawTensor(tensor, dtype, seed)) {
        writeAll(fd, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
      }
    }
  } finally {
    closeSync(fd);
  }
  return 8 + text.length + offset;
}

/** Splits into `shards` runs of about the same number of elements, each with one tensor or more. */
function split(tensors, shards) {
  const total = tensors.reduce((sum, { count }) => sum + count, 0);
  const groups = Array.from({ length: shards }, () => []);
  let done = 0;
  tensors.forEach((tensor, i) => {
    const byElements = Math.floor((done / total) * shards);
    // Every later shard still needs a tensor, and no shard may be skipped.
    const earliest = Math.max(0, shards - (tensors.length - i));
    const latest = groups.findLastIndex((group) => group.length) + 1;
    groups[Math.min(Math.max(byElements, earliest), latest)].push(tensor);
    done += tensor.count;
  });
  return groups;
}

export function configs({ task = 'classification', hidden, layers, heads, intermediate, layerScale, taps, imageSize, labels }, dtype) {
  const label = (i) => `LABEL_${i}`;
  const ids = Array.from({ length: labels }, (_, i) => i);
  const config = {
    architectures: [tasks[task]],
    hidden_act: 'gelu',
    hidden_size: hidden,
    id2label: Object.fromEntries(ids.map((i) => [i, label(i)])),
    image_size: imageSize,
    initializer_range: 0.02,
    intermediate_size: intermediate,
    label2id: Object.fromEntries(ids.map((i) => [label(i), i])),
    layer_norm_eps: 1e-12,
    layer_scale_init_value: layerScale,
    model_type: 'beit',
    num_attention_heads: heads,
    num_channels: channels,
    num_hidden_layers: layers,
    ...(task === 'segmentation' && { out_indices: taps, pool_scales: poolScales, use_auxiliary_head: false }),
    patch_size: patchSize,
    torch_dtype: dtype.torch,
    use_absolute_position_embeddings: false,
    use_mask_token: false,
    use_mean_pooling: true,
    use_relative_position_bias: true,
    use_shared_relative_position_bias: false,
    vocab_size: 8192,
  };
  const preprocessor = {
    do_center_crop: false,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_processor_type: 'BeitImageProcessor',
    image_std: [0.5, 0.5, 0.5],
    resample: 3,
    rescale_factor: 1 / 255,
    size: { height: imageSize, width: imageSize },
  };
  return { config, preprocessor };
}

class UsageError extends Error {}

function readOptions() {
  const text = (value) => ({ type: 'string', default: value });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      task: text('classification'),
      size: text('base'),
      'image-size': text('224'),
      labels: text('1000'),
      dtype: text('f32'),
      shards: text('1'),
      seed: text('0'),
    },
  });
  const integer = (name, low, high) => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw new UsageError(`--${name} takes an integer from ${low} to ${high}, not "${values[name]}"`);
  };
  const choice = (name, table) => {
    if (Object.hasOwn(table, values[name])) return table[values[name]];
    throw new UsageError(`--${name} takes ${Object.keys(table).join(', ')}, not "${values[name]}"`);
  };
  if (positionals.length !== 1) throw new UsageError(`one output folder is needed\n${usage}`);
  const imageSize = integer('image-size', patchSize, 4096);
  if (imageSize % patchSize) {
    throw new UsageError(`--image-size takes a multiple of ${patchSize}, not ${imageSize}`);
  }
  choice('task', tasks);
  const model = { task: values.task, ...choice('size', sizes), imageSize, labels: integer('labels', 1, 1e6) };
  const tensors = stateDict(model);
  return {
    folder: positionals[0],
    model,
    tensors,
    dtype: choice('dtype', dtypes),
    shards: integer('shards', 1, tensors.length),
    seed: integer('seed', 0, 2 ** 32 - 1),
  };
}

function main() {
  const { folder, model, tensors, dtype, shards, seed } = readOptions();
  mkdirSync(folder, { recursive: true });
  const writeJson = (name, value) => writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  const { config, preprocessor } = configs(model, dtype);
  writeJson('config.json', config);
  writeJson('preprocessor_config.json', preprocessor);

  let bytes = 0;
  const weightMap = {};
  split(tensors, shards).forEach((group, i) => {
    const number = (n) => String(n).padStart(5, '0');
    const file = shards === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(shards)}.safetensors`;
    bytes += writeSafetensors(join(folder, file), group, dtype, seed);
    for (const { name } of group) weightMap[name] = file;
  });
  const elements = tensors.reduce((sum, { count }) => sum + count, 0);
  if (shards > 1) {
    const metadata = { total_size: elements * dtype.bytes };
    writeJson('model.safetensors.index.json', { metadata, weight_map: weightMap });
  }
  console.log(`${folder}: ${tensors.length} tensors, ${elements} parameters, ${bytes} bytes`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(`random-checkpoint: ${error.message}`);
    process.exitCode = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
  }
}
