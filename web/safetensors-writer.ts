/** Writes safetensors files: 8 bytes of header length, a JSON header, the data. */
import { mismatch } from './errors.js';
import type { AnyArray } from './tensors.js';

const DTYPES: ReadonlyArray<[new (length: number) => AnyArray, string]> = [
  [Float32Array, 'F32'], [Float64Array, 'F64'], [BigInt64Array, 'I64'], [BigUint64Array, 'U64'],
  [Int32Array, 'I32'], [Uint32Array, 'U32'], [Int16Array, 'I16'], [Uint16Array, 'U16'],
  [Int8Array, 'I8'], [Uint8Array, 'U8'],
];

/**
 * Returns the bytes of a safetensors file with these tensors, in this order, data aligned to 8
 * bytes. The element type is that of the array. Throws wrong-shape where dims and data disagree.
 */
export function writeSafetensors(tensors: Record<string, { dims: readonly number[]; data: AnyArray }>): Uint8Array {
  const header: Record<string, unknown> = {};
  let size = 0;
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    const dtype = DTYPES.find(([kind]) => data instanceof kind)?.[1];
    if (!dtype) throw mismatch('wrong-type', name, (data as object).constructor.name, 'a typed array of numbers');
    const count = dims.reduce((product, n) => product * n, 1);
    if (count !== data.length) throw mismatch('wrong-shape', name, `${data.length} elements`, `${count}`);
    header[name] = { dtype, shape: dims, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerSize = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerSize + size);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerSize), true);
  file.fill(0x20, 8, 8 + headerSize);  // the format pads its header with spaces
  file.set(json, 8);
  let offset = 8 + headerSize;
  for (const { data } of Object.values(tensors)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}
