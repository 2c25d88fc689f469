/** The kernels held against double precision on a few numbers, before a model's are trusted to them: drivers have been wrong. */
import type { AttentionCheck, Check } from './contract.js';
import { USE, type Gpu } from './device.js';
import { activationNumber, attentionKernel, FLOATS, MEAN, NORM, THREADS, TILES, type Packing } from './kernels.js';
import { eachDraft, productDraft } from './plan.js';
import { padded } from './shape.js';
import { Buffers, encode, pipelinesOf, type Draft } from './steps.js';

const TOLERANCE = 1e-4;

/** Returns numbers between -1 and 1, the same each time. */
export function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (i + seed)));
}

/** The sum of what `term` gives for 0 to count - 1. */
function sum(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; ++i) total += term(i);
  return total;
}

function gelu(x: number): number {
  // Maclaurin's series of erf: few terms suffice for what occurs here.
  let term = x / Math.SQRT2;
  const erf = sum(40, (n) => (n ? (term *= (-x * x) / 2 / n) : term) / (2 * n + 1));
  return 0.5 * x * (1 + (2 / Math.sqrt(Math.PI)) * erf);
}

/** The two tiles, with rows, columns and sums that fill none of them. */
function products(buffers: Buffers, packing = FLOATS): Check[] {
  const rows = 37,
    outputs = 41,
    inputs = 36,
    wide = padded(outputs);
  const a = numbers(rows * inputs, 1),
    // Whole numbers of which the largest of a row is 127 are stored as they are.
    w = numbers(outputs * inputs, 2).map((x, i) => (i % inputs ? Math.round(126 * x) : -127)),
    vectors = numbers(3 * wide, 3).map((x, i) => (i < 2 * wide ? x : x / 999)),
    before = numbers(rows * wide, 4);
  const expected = new Float64Array(rows * wide);
  for (let m = 0; m < rows; ++m)
    for (let n = 0; n < outputs; ++n)
      expected[m * wide + n] =
        vectors[wide + n]! * gelu(vectors[n]! + vectors[2 * wide + n]! * sum(inputs, (k) => a[m * inputs + k]! * w[n * inputs + k]!)) +
        before[m * wide + n]!;
  const matrix = {
    outputs,
    inputs,
    weights: buffers.filled(new Float32Array(packing.pack(w, inputs).stored.buffer)),
    vectors: buffers.filled(vectors),
    packing,
  };
  const options = { activation: activationNumber('gelu'), add: true };
  const name = packing === FLOATS ? 'products' : 'products of packed weights';
  return TILES.map((tile) => [name, productDraft(matrix, buffers.filled(a), buffers.filled(before), rows, options, tile), expected]);
}

function norm(buffers: Buffers): Check {
  const rows = 3,
    channels = 150,
    wide = padded(channels),
    epsilon = 1e-3;
  const x = numbers(rows * wide, 5),
    vectors = numbers(2 * wide, 6);
  const expected = new Float64Array(rows * wide);
  for (let r = 0; r < rows; ++r) {
    const mean = sum(channels, (c) => x[r * wide + c]!) / channels;
    const variance = sum(channels, (c) => (x[r * wide + c]! - mean) ** 2) / channels;
    for (let c = 0; c < channels; ++c)
      expected[r * wide + c] = ((x[r * wide + c]! - mean) / Math.sqrt(variance + epsilon)) * vectors[c]! + vectors[wide + c]!;
  }
  const bound = [buffers.filled(x), buffers.filled(vectors), buffers.floats(rows * wide)];
  return [
    'LayerNorm',
    { code: NORM, parameters: [channels, wide, 1, [epsilon]], buffers: bound, grid: [rows, 1, 1], operations: 0 },
    expected,
  ];
}

/** Patches' means of two images of a class token and two patches, as the second of two rows. */
function means(buffers: Buffers): Check {
  const x = numbers(24, 9);
  const expected = Float64Array.from({ length: 16 }, (_, i) => {
    const at = (i >> 3) * 12 + (i & 3);
    return i & 4 ? (x[at + 4]! + x[at + 8]!) / 2 : 0;
  });
  return ['means', eachDraft(MEAN, 8, [4, 3, 2, 1], [buffers.filled(x), buffers.floats(16)]), expected];
}

/** Two images of 4 x 5 patches, two heads: more keys than one group. Returns what attention gives, and behind that the share of each key. */
export function attention(buffers: Buffers, width: number): AttentionCheck {
  const batch = 2,
    heads = 2,
    rows = 4,
    columns = 5,
    tokens = 1 + rows * columns;
  const channels = 4 * width,
    pairs = (2 * rows - 1) * (2 * columns - 1);
  const x = numbers(batch * tokens * 3 * heads * channels, 7),
    table = numbers(heads * (pairs + 3), 8);
  const indexOf = (q: number, k: number): number => {
    if (q === 0) return pairs + (k === 0 ? 2 : 0);
    if (k === 0) return pairs + 1;
    const down = Math.floor((q - 1) / columns) - Math.floor((k - 1) / columns) + rows - 1;
    return down * (2 * columns - 1) + ((q - 1) % columns) - ((k - 1) % columns) + columns - 1;
  };
  const expected: number[] = [];
  const shares = new Float64Array(batch * heads * tokens * padded(tokens));
  for (let row = 0; row < batch * tokens; ++row)
    for (let h = 0; h < heads; ++h) {
      const q = row % tokens,
        first = row - q;
      const at = (token: number, part: number, c: number): number => x[(((first + token) * 3 + part) * heads + h) * channels + c]!;
      const score = (k: number): number => sum(channels, (c) => at(q, 0, c) * at(k, 1, c)) + table[h * (pairs + 3) + indexOf(q, k)]!;
      const weights = Array.from({ length: tokens }, (_, k) => Math.exp(score(k)));
      const total = sum(tokens, (k) => weights[k]!);
      const own = weights.map((weight) => weight / total);
      shares.set(own, (first * heads + h * tokens + q) * padded(tokens));
      for (let c = 0; c < channels; ++c) expected.push(sum(tokens, (k) => own[k]! * at(k, 2, c)));
    }
  const draft: Draft = {
    code: attentionKernel(width),
    parameters: [tokens, heads, rows, columns, 1],
    buffers: [buffers.filled(x), buffers.filled(table), buffers.floats(expected.length)],
    grid: [Math.ceil(tokens / THREADS), heads, batch],
    operations: 0,
  };
  return ['attention', draft, new Float64Array(expected), shares];
}

/** Returns what is tried for every model whose weights are stored so; `width`: of a head, in vec4. */
export function usualChecks(buffers: Buffers, width: number, packing: Packing | undefined): Check[] {
  return [...products(buffers), ...(packing ? products(buffers, packing) : []), norm(buffers), means(buffers), attention(buffers, width)];
}

/** Compiles and tries kernels. Returns what is wrong with them, as a part of a sentence, or null. Rejects where the GPU refuses to compute. */
export async function selfCheck(gpu: Gpu, make: (buffers: Buffers) => Check[]): Promise<string | null> {
  const buffers = new Buffers(gpu);
  try {
    const checks = make(buffers);
    let bytes = 0;
    const drafts = checks.flatMap(([, draft, { length }]) => [
      draft,
      { from: draft.buffers.at(-1)!, at: (bytes += 4 * length) - 4 * length, bytes: 4 * length },
    ]);
    const pipelines = await pipelinesOf(gpu, drafts);
    const result = await gpu.checked(() => {
      const read = buffers.make(bytes, USE.read | USE.target);
      gpu.device.queue.submit([encode(gpu.device, buffers.bound(drafts, pipelines), read)]);
      return read;
    });
    await result.mapAsync(1);
    const values = new Float32Array(result.getMappedRange());
    let at = 0;
    const wrong = new Set<string>();
    for (const [name, , expected] of checks) {
      for (const value of expected) {
        // Not a number is no answer, either.
        if (!(Math.abs(values[at++]! - value) <= TOLERANCE * (1 + Math.abs(value)))) wrong.add(name);
      }
    }
    return wrong.size > 0 ? `it is wrong in ${[...wrong].join(', ')}` : null;
  } finally {
    buffers.destroy();
  }
}
