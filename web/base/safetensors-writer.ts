/** Writes safetensors files: 8 bytes of header length, a JSON header, the data. */
import { asBytes } from './bytes.js';
import { kindOf, mismatch } from './errors.js';
import { isArrayOf } from './realms.js';
import { checkDims, type AnyArray, type OwnBytes } from './tensors.js';

const METADATA = '__metadata__';

const DTYPES: ReadonlyArray<[new (length: number) => AnyArray, string]> = [
  [Float32Array, 'F32'],
  [Float64Array, 'F64'],
  [BigInt64Array, 'I64'],
  [BigUint64Array, 'U64'],
  [Int32Array, 'I32'],
  [Uint32Array, 'U32'],
  [Int16Array, 'I16'],
  [Uint16Array, 'U16'],
  [Int8Array, 'I8'],
  [Uint8Array, 'U8'],
];

export interface SafetensorsRow {
  name: string;
  dtype: string;
  shape: readonly number[];
  /** Of all its elements. */
  bytes: number;
}

/**
 * Returns a safetensors file's bytes before its data, padded to a multiple of 8 with spaces as the format
 * has it, for tensors that lie one behind another in this order.
 */
export function safetensorsHeader(rows: readonly SafetensorsRow[], metadata?: Record<string, string>): Uint8Array {
  // Not an object that is assigned to: a tensor called __proto__ would set its prototype.
  const header: [string, unknown][] = metadata ? [[METADATA, metadata]] : [];
  let end = 0;
  for (const { name, dtype, shape, bytes } of rows) {
    header.push([name, { dtype, shape, data_offsets: [end, end + bytes] }]);
    end += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const size = Math.ceil(json.length / 8) * 8;
  const begin = new Uint8Array(8 + size).fill(0x20);
  new DataView(begin.buffer).setBigUint64(0, BigInt(size), true);
  begin.set(json, 8);
  return begin;
}

/**
 * Returns the bytes of a safetensors file with these tensors, in this order, data aligned to 8
 * bytes; `metadata` are texts for its header. The element type is that of the array. Throws wrong-shape where dims and data disagree,
 * wrong-type for metadata that are no texts, and invalid-argument for a tensor of the name __metadata__, which the format keeps for these.
 * @example
 * ```js
 * import { writeSafetensors } from 'beit-wasm';
 *
 * const file = writeSafetensors({ features: await extract(photo) });
 * const blob = new Blob([file]);
 * ```
 */
export function writeSafetensors(
  tensors: Record<string, { dims: readonly number[]; data: AnyArray }>,
  metadata?: Record<string, string>,
): OwnBytes {
  if (kindOf(tensors) !== 'Object') throw mismatch('invalid-argument', 'tensors', kindOf(tensors), 'an object of tensors by their names');
  checkMetadata(metadata);
  const rows = Object.entries(tensors).map(([name, tensor]): SafetensorsRow => {
    if (name === METADATA) throw mismatch('invalid-argument', name, 'a tensor', 'another name, since this is that of the metadata');
    const { dims, data } = tensor ?? {};
    const dtype = DTYPES.find(([kind]) => isArrayOf(data, kind))?.[1];
    if (!dtype) throw mismatch('wrong-type', name, kindOf(data), 'a typed array of numbers');
    checkDims(name, dims);
    const count = dims.reduce((product, n) => product * n, 1);
    if (count !== data.length) throw mismatch('wrong-shape', name, `${data.length} elements`, `${count}`);
    return { name, dtype, shape: dims, bytes: data.byteLength };
  });
  const begin = safetensorsHeader(rows, metadata);
  const file = new Uint8Array(rows.reduce((sum, { bytes }) => sum + bytes, begin.length));
  file.set(begin);
  let offset = begin.length;
  for (const { data } of Object.values(tensors)) {
    file.set(asBytes(data), offset);
    offset += data.byteLength;
  }
  return file;
}

/** Throws wrong-type for what no reader of the format takes: it has texts by their names. */
function checkMetadata(metadata: unknown): void {
  if (metadata === undefined || metadata === null) return;
  if (kindOf(metadata) !== 'Object') throw mismatch('wrong-type', 'metadata', kindOf(metadata), 'an object of texts by their names');
  for (const [name, text] of Object.entries(metadata))
    if (typeof text !== 'string') throw mismatch('wrong-type', `metadata.${name}`, kindOf(text), 'a text');
}
