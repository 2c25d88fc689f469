// Checkpoints of any size in each container, made without holding them: all elements of a tensor have one
// value, which its name decides, so that a model is the same from every container (Flax's transposed
// kernels too). What PyTorch and Flax would write, in structure; see weights/reading/containers/torch_zip.h and its
// siblings for the formats.
import { closeSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/**
 * Returns {container: {file name: pieces}} for `tensors`, {name, shape} in transformers' naming. A file
 * is a list of pieces: bytes (Uint8Array), or {value, count}, that float32 so many times.
 */
export function checkpointFiles(tensors) {
  const half = tensors.length >> 1;
  const shards = { 'model-1.safetensors': tensors.slice(0, half), 'model-2.safetensors': tensors.slice(half) };
  const files = {},
    weightMap = {};
  for (const [file, list] of Object.entries(shards)) {
    files[file] = safetensors(list);
    for (const { name } of list) weightMap[name] = file;
  }
  return {
    safetensors: { 'model.safetensors': safetensors(tensors) },
    'safetensors-sharded': { 'model.safetensors.index.json': [ascii(JSON.stringify({ weight_map: weightMap }))], ...files },
    'torch-zip': { 'pytorch_model.bin': torchZip(tensors) },
    'torch-legacy': { 'pytorch_model.bin': torchLegacy(tensors) },
    'flax-msgpack': { 'flax_model.msgpack': flaxMsgpack(tensors) },
  };
}

const MOST_BYTES = 1 << 20; // of a chunk

export const countOf = (shape) => shape.reduce((a, b) => a * b, 1);
export const sizeOf = (pieces) => pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
const lengthOf = (piece) => piece.length ?? 4 * piece.count;

/** Returns the value of a tensor's elements: from -0.5 to 0.5, a multiple of 2^-16. */
function valueOf(name) {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return (hash >>> 16) / 65536 - 0.5;
}

const elementsOf = ({ name, shape }) => ({ value: valueOf(name), count: countOf(shape) });

/** Yields the bytes [offset, offset + length) of a file's pieces in chunks. */
export function* chunksOf(pieces, offset = 0, length = Infinity) {
  let start = 0;
  const end = offset + length;
  for (const piece of pieces) {
    const from = Math.max(offset - start, 0),
      to = Math.min(end - start, lengthOf(piece));
    if (from < to) yield* chunksOfPiece(piece, from, to);
    start += lengthOf(piece);
    if (start >= end) return;
  }
}

function* chunksOfPiece(piece, from, to) {
  const bytes = piece instanceof Uint8Array;
  const filled = bytes ? piece : new Uint8Array(new Float32Array(Math.min(piece.count, MOST_BYTES / 4 + 1)).fill(piece.value).buffer);
  for (let at = from; at < to; at += MOST_BYTES) {
    const start = bytes ? at : at % 4;
    yield filled.subarray(start, start + Math.min(to - at, MOST_BYTES));
  }
}

/** Writes a file. */
export function writePieces(path, pieces) {
  const file = openSync(path, 'w');
  for (const chunk of chunksOf(pieces)) for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
  closeSync(file);
}

function concat(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

const ascii = (text) => Buffer.from(text, 'latin1');

/** Returns a whole number of `bytes` bytes, little-endian. */
function little(value, bytes) {
  const out = Buffer.alloc(bytes);
  let rest = BigInt(value);
  for (let i = 0; i < bytes; ++i, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
}

function safetensors(tensors) {
  const header = {};
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + 4 * countOf(shape);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = JSON.stringify(header);
  const padded = ascii(text.padEnd(Math.ceil(text.length / 8) * 8));
  return [concat(little(padded.length, 8), padded), ...tensors.map(elementsOf)];
}

// Opcodes of Python's pickle, protocol 2.
const MARK = ascii('('),
  TUPLE = ascii('t'),
  REDUCE = ascii('R'),
  STOP = ascii('.'),
  PROTOCOL = ascii('\x80\x02'),
  EMPTY_TUPLE = ascii(')');
const text = (value) => concat(ascii('X'), little(Buffer.byteLength(value), 4), Buffer.from(value));
const int = (value) => concat(ascii('J'), little(value, 4));
const global = (module, name) => ascii(`c${module}\n${name}\n`);
const tuple = (...items) => concat(MARK, ...items, TUPLE);
const ORDERED_DICT = concat(global('collections', 'OrderedDict'), EMPTY_TUPLE, REDUCE);

/** Returns the pickle of a state dict whose tensor i lies in storage i; `view` is what legacy files add. */
function stateDict(tensors, view) {
  const items = tensors.map(({ name, shape }, i) => {
    const count = countOf(shape);
    const strides = shape.map((_, axis) => countOf(shape.slice(axis + 1)));
    const storage = concat(
      tuple(text('storage'), global('torch', 'FloatStorage'), text(String(i)), text('cpu'), int(count), ...view),
      ascii('Q'),
    );
    return concat(
      text(name),
      global('torch._utils', '_rebuild_tensor_v2'),
      tuple(storage, int(0), tuple(...shape.map(int)), tuple(...strides.map(int)), ascii('\x89'), ORDERED_DICT),
      REDUCE,
    );
  });
  return concat(PROTOCOL, ORDERED_DICT, MARK, ...items, ascii('u'), STOP);
}

function torchLegacy(tensors) {
  const version = concat(ascii('M'), little(1001, 2));
  const machine = concat(
    ascii('}'),
    MARK,
    text('protocol_version'),
    version,
    text('little_endian'),
    ascii('\x88'),
    text('type_sizes'),
    ascii('}'),
    ascii('u'),
  );
  const head = concat(
    PROTOCOL,
    ascii('\x8a\x0a'),
    Buffer.from('6cfc9c46f9206aa85019', 'hex'),
    STOP, // the magic number
    PROTOCOL,
    version,
    STOP,
    PROTOCOL,
    machine,
    STOP,
    stateDict(tensors, [ascii('N')]),
    PROTOCOL,
    ascii(']'),
    MARK,
    ...tensors.map((_, i) => text(String(i))),
    ascii('e'),
    STOP,
  );
  return [head, ...tensors.flatMap((tensor) => [new Uint8Array(little(countOf(tensor.shape), 8)), elementsOf(tensor)])];
}

function torchZip(tensors) {
  const members = [
    { name: 'data.pkl', data: stateDict(tensors, []) },
    { name: 'byteorder', data: ascii('little') },
    ...tensors.map((tensor, i) => ({ name: `data/${i}`, data: elementsOf(tensor) })),
    { name: 'version', data: ascii('3\n') },
  ];
  const pieces = [],
    directory = [];
  let offset = 0;
  const put = (...parts) => {
    for (const part of parts) offset += lengthOf(part);
    pieces.push(...parts);
  };
  for (const { name, data } of members) {
    const path = ascii(`archive/${name}`),
      size = little(lengthOf(data), 4);
    const crc = little(
      [...chunksOf([data])].reduce((sum, chunk) => crc32(chunk, sum), 0),
      4,
    );
    // In both headers: version, flags (a record follows the data), method (stored), time and date, sum, sizes.
    const common = concat(little(0, 2), little(8, 2), little(0, 2), little(0, 4), crc, size, size, little(path.length, 2));
    directory.push(concat(ascii('PK\x01\x02'), little(0, 2), common, little(0, 12), little(offset, 4), path));
    const padding = (64 - ((offset + 30 + path.length + 4) % 64)) % 64; // elements begin at multiples of 64
    put(
      concat(ascii('PK\x03\x04'), common, little(padding + 4, 2), path, ascii('FB'), little(padding, 2), Buffer.alloc(padding, 'Z')),
      data,
      concat(ascii('PK\x07\x08'), crc, size, size),
    );
  }
  const table = concat(...directory),
    start = offset,
    count = little(members.length, 2);
  put(table, concat(ascii('PK\x05\x06'), little(0, 4), count, count, little(table.length, 4), little(start, 4), little(0, 2)));
  return pieces;
}

/** Returns the tree that a state dict's names and layouts are in Flax: maps down to {shape, value}. */
function flaxTree(tensors) {
  const tree = {};
  for (const { name, shape } of tensors) {
    const path = name.split('.');
    const weight = path.at(-1) === 'weight';
    if (weight) path[path.length - 1] = shape.length === 1 ? 'scale' : 'kernel';
    let level = tree;
    for (const key of path.slice(0, -1)) level = level[key] ??= {};
    const kernel = shape.length === 4 ? [shape[2], shape[3], shape[1], shape[0]] : [...shape].reverse();
    level[path.at(-1)] = { array: elementsOf({ name, shape }), shape: weight ? kernel : shape };
  }
  return tree;
}

function flaxMsgpack(tensors) {
  const big = (value, bytes) => Buffer.from(little(value, bytes)).reverse();
  const string = (value) => concat(ascii('\xd9'), big(Buffer.byteLength(value), 1), Buffer.from(value));
  const pieces = [];
  const put = (node) => {
    if (!node.array) {
      pieces.push(concat(ascii('\xdf'), big(Object.keys(node).length, 4)));
      for (const [key, value] of Object.entries(node)) {
        pieces.push(string(key));
        put(value);
      }
      return;
    }
    const bytes = 4 * node.array.count;
    const head = concat(
      ascii('\x93'),
      ascii('\xdc'),
      big(node.shape.length, 2),
      ...node.shape.map((size) => concat(ascii('\xce'), big(size, 4))),
      string('float32'),
      ascii('\xc6'),
      big(bytes, 4),
    );
    pieces.push(concat(ascii('\xc9'), big(head.length + bytes, 4), ascii('\x01'), head), node.array);
  };
  put(flaxTree(tensors));
  return pieces;
}
