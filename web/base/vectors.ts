/** Vectors of features: their length, and how alike two of them are. */
import { mismatch, kindOf } from './errors.js';
import { isArrayOf } from './realms.js';
import { checkDims, shapeText, type Tensor } from './tensors.js';

/** Returns the tensor with each of its vectors, along its last dimension, divided by its length; one of zeros stays so. */
export function normalized({ dims, data }: Tensor): Tensor {
  const width = dims.at(-1) ?? 1;
  const out = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += width) {
    const vector = data.subarray(at, at + width);
    const length = Math.sqrt(product(vector, vector));
    for (let i = 0; i < vector.length; ++i) out[at + i] = length > 0 ? vector[i]! / length : 0;
  }
  return { dims, data: out };
}

/**
 * Returns how alike two vectors of features are, such as what image-feature-extraction pools of two images: the cosine of the
 * angle between them, from -1 to 1; 0 where one is all zeros. They need not be normalised. Throws wrong-shape unless both are
 * vectors of one length.
 * @example
 * ```js
 * import { similarity } from 'beit-wasm';
 *
 * const alike = similarity(await extract(photo), await extract(other));
 * ```
 */
export function similarity(a: Tensor | ArrayLike<number>, b: Tensor | ArrayLike<number>): number {
  const [first, second] = [vectorOf(a, 'a'), vectorOf(b, 'b')];
  if (first.length !== second.length) throw mismatch('wrong-shape', 'b', `${second.length} numbers`, `${first.length}, as a has`);
  const lengths = Math.sqrt(product(first, first) * product(second, second));
  return lengths > 0 ? Math.min(Math.max(product(first, second) / lengths, -1), 1) : 0;
}

/** Returns numbers as they are. Throws wrong-type for what is no list of them. */
export function checkNumbers(where: string, given: ArrayLike<number>): ArrayLike<number> {
  const isList = typeof given === 'object' && given !== null && 'length' in given;
  const areNumbers = ArrayBuffer.isView(given)
    ? !isArrayOf<unknown>(given, BigInt64Array, BigUint64Array)
    : isList && Array.from(given).every((value) => typeof value === 'number');
  if (!isList || !areNumbers)
    throw mismatch('wrong-type', where, isList ? 'a list of other values' : kindOf(given), 'numbers: an array, or a typed one');
  return given;
}

function vectorOf(given: Tensor | ArrayLike<number>, where: string): ArrayLike<number> {
  if (typeof given !== 'object' || given === null || !('dims' in given)) return checkNumbers(where, given);
  checkDims(where, given.dims);
  if (given.dims.filter((size) => size !== 1).length > 1) throw mismatch('wrong-shape', where, shapeText(given.dims), 'one vector');
  return checkNumbers(where, given.data);
}

/** Summed in double precision. */
function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += a[i]! * b[i]!;
  return sum;
}
