/** Holding an output against what was expected. */
import { shapeText, type AnyArray } from '../base/tensors.js';

export interface Tolerance {
  atol: number;
  rtol: number;
}

export interface Comparison {
  pass: boolean;
  /** The largest |a - b|; NaN where one of the two is not a number. */
  largest: number;
  /** Why it failed, or empty. */
  why: string;
}

type Values = { dims: readonly number[]; data: AnyArray };

/**
 * Compares by |a - b| <= atol + rtol |b|, b what was expected, as torch.allclose does. Shapes must
 * be equal. A value that is not a number fails.
 */
export function compare(actual: Values | undefined, expected: Values, { atol, rtol }: Tolerance): Comparison {
  if (!actual) return { pass: false, largest: NaN, why: 'the model does not give it' };
  // A loss has one element: the reference's files write [1] where the tensor is a scalar.
  const scalars = actual.data.length === 1 && expected.data.length === 1;
  if (!scalars && shapeText(actual.dims) !== shapeText(expected.dims)) {
    return { pass: false, largest: NaN, why: `its shape is ${shapeText(actual.dims)}, expected ${shapeText(expected.dims)}` };
  }
  let largest = 0;
  let outside = 0;
  for (let i = 0; i < expected.data.length; ++i) {
    const a = Number(actual.data[i]);
    const b = Number(expected.data[i]);
    const difference = a === b ? 0 : Math.abs(a - b);
    if (!(difference <= atol + rtol * Math.abs(b))) ++outside;
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(difference)) break;
  }
  return { pass: outside === 0, largest, why: outside === 0 ? '' : `${outside} of ${expected.data.length} values are outside` };
}

// Of a float's sums beside those of double precision.
const GRADIENT_NORM = 1e-5;
const GRADIENT_ATOL = 1e-6;
const GRADIENT_RTOL = 1e-4;

/**
 * Compares a gradient as a whole, by the norm of the difference beside the norm of what was expected, and by value beside its largest: small ones
 * among large ones are sums that cancel.
 */
export function compareGradient(actual: Values | undefined, expected: Values): Comparison {
  let largest = 0;
  let squares = 0;
  for (const value of expected.data) {
    largest = Math.max(largest, Math.abs(Number(value)));
    squares += Number(value) ** 2;
  }
  const byValue = compare(actual, expected, { atol: GRADIENT_ATOL + GRADIENT_RTOL * largest, rtol: 0 });
  if (!byValue.pass) return byValue;
  let differences = 0;
  expected.data.forEach((value: number | bigint, i: number) => {
    differences += (Number(actual!.data[i]) - Number(value)) ** 2;
  });
  const share = squares === 0 ? Math.sqrt(differences) : Math.sqrt(differences / squares);
  return share <= GRADIENT_NORM
    ? byValue
    : { ...byValue, pass: false, why: `the norm of the difference is ${share.toExponential(2)} of its norm` };
}
