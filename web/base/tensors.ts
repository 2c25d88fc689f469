import { kindOf, mismatch } from './errors.js';
import { isArrayOf } from './realms.js';

/** Interleaved 8-bit samples, rows from the top. */
export interface RawImage {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array | Uint8ClampedArray;
}

/**
 * Bytes that share no memory with another thread, which is what ImageData and Blob take: Uint8Array<ArrayBuffer> and
 * Uint8ClampedArray<ArrayBuffer>, in words that TypeScript before 5.7 knows, too.
 */
export type OwnBytes = ReturnType<typeof Uint8Array.of>;
export type OwnClampedBytes = ReturnType<typeof Uint8ClampedArray.of>;

/** Height and width. */
export interface Size {
  height: number;
  width: number;
}

/** Row-major values, the last index fastest. `data.length` is the product of `dims`. */
export interface Tensor {
  dims: number[];
  data: Float32Array;
}

/** Whole numbers: the labels of a segmentation map, the tokens of an image. */
export interface LabelMap {
  dims: number[];
  data: Int32Array;
}

/** A tensor of any element type; `dtype` is safetensors' name: F32, I64, U8, BOOL, … */
export interface AnyTensor {
  dims: number[];
  dtype: string;
  data: AnyArray;
}

export type AnyArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Returns a size that a user gives, also as [height, width]; throws invalid-argument unless both are whole numbers of at least 1. */
export function sizeOf(given: Size | readonly [number, number], where: string): Size {
  const expected = 'a height and a width of at least 1';
  if (typeof given !== 'object' || given === null) throw mismatch('invalid-argument', where, kindOf(given), expected);
  const { 0: height, 1: width } = 'length' in given ? given : [given.height, given.width];
  if (![height, width].every((n) => Number.isInteger(n) && n >= 1)) {
    throw mismatch('invalid-argument', where, `${kindOf(height)} x ${kindOf(width)}`, expected);
  }
  return { height, width };
}

/** Returns "[1, 3, 224, 224]". */
export function shapeText(dims: readonly number[]): string {
  return `[${dims.join(', ')}]`;
}

/** Throws wrong-shape for what are no dims of a value. */
export function checkDims(where: string, dims: unknown): void {
  if (!Array.isArray(dims) || !dims.every((n) => Number.isInteger(n) && n >= 0)) {
    throw mismatch('wrong-shape', where, 'a value without dims', '{dims, data}, dims an array of whole numbers');
  }
}

/**
 * Throws a BeitError (wrong-shape or wrong-type) unless `value` is {dims, data} with as many
 * elements as its dims say and data of one of `kinds`. `where` names the argument in the sentence.
 */
export function checkTensor(
  where: string,
  value: { dims: readonly number[]; data: ArrayLike<unknown> },
  kinds: ReadonlyArray<new (length: number) => ArrayLike<unknown>>,
): void {
  checkDims(where, value?.dims);
  const data: unknown = value.data;
  if (!isArrayOf(data, ...kinds)) {
    const got = (data as object | undefined)?.constructor?.name ?? typeof data;
    throw mismatch('wrong-type', `${where}.data`, got, kinds.map((kind) => kind.name).join(' or '));
  }
  const count = value.dims.reduce((product, n) => product * n, 1);
  if (count !== value.data.length) {
    throw mismatch('wrong-shape', where, `${value.data.length} elements`, `${count}, which is what dims ${shapeText(value.dims)} hold`);
  }
}

/**
 * Returns one tensor (sum of the first dims, …) from tensors that agree in all other dims.
 * Throws wrong-shape when they do not.
 */
export function concatenate(where: string, tensors: readonly Tensor[]): Tensor {
  const first = tensors[0];
  if (!first) throw mismatch('invalid-argument', where, 'nothing', 'at least one');
  if (tensors.length === 1) return first;
  const rest = shapeText(first.dims.slice(1));
  let rows = 0;
  let length = 0;
  for (const { dims, data } of tensors) {
    if (shapeText(dims.slice(1)) !== rest) {
      throw mismatch('wrong-shape', where, `${shapeText(dims.slice(1))} after ${rest}`, 'one size for a whole batch');
    }
    rows += dims[0] ?? 0;
    length += data.length;
  }
  const data = new Float32Array(length);
  let offset = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, offset);
    offset += tensor.data.length;
  }
  return { dims: [rows, ...first.dims.slice(1)], data };
}
