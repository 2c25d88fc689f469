/** Weights that take less memory than floats; activations and sums stay floats. */
import type { Packing } from './kernels.js';
import type { ModelShape } from './shape.js';

/** In 8 bits, as the core quantises them (src/kernels/gemm/quantization.cpp), a scale for each row. */
const BYTES: Packing = {
  type: 'u32',
  bytes: 4,
  value: 'vec4f(vec4i(vec4u(W[m*p.depth+k])<<vec4u(24,16,8,0))>>vec4u(24))',
  pack(values, length) {
    const stored = new Int8Array(values.length);
    const scales = new Float32Array(values.length / length);
    for (let row = 0, first = 0; row < scales.length; ++row, first += length) {
      let most = 0;
      for (let i = first; i < first + length; ++i) most = Math.max(most, Math.abs(values[i]!));
      if (!Number.isFinite(most)) throw new Error('a weight is not a finite number');
      const scale = (scales[row] = most / 127 || 1);
      for (let i = first; i < first + length; ++i) stored[i] = Math.round(values[i]! / scale);
    }
    return { stored, scales };
  },
};

// As bits of floats: what rounds to infinity with 16 bits, the least normal number of those, a half, and the difference of the exponents.
const TOO_LARGE = 0x477ff000;
const NORMAL = 0x38800000;
const HALF = 0x3f000000;
const BIAS = 112 << 23;

/** In 16 bits, rounded to the nearest, to even ones between two. Reading them takes no feature of a GPU. */
const HALVES: Packing = {
  type: 'vec2u',
  bytes: 8,
  value: 'vec4f(unpack2x16float(W[m*p.depth+k].x),unpack2x16float(W[m*p.depth+k].y))',
  everywhere: true,
  pack(values) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const float = new Float32Array(1);
    const bits = new Uint32Array(float.buffer);
    const stored = Uint16Array.from(words, (word) => {
      const sign = (word >>> 16) & 0x8000;
      const size = (bits[0] = word & 0x7fffffff);
      if (size >= TOO_LARGE) throw new Error('a weight is too large for 16 bits');
      if (size >= NORMAL) return sign | ((size - BIAS + 0xfff + ((size >> 13) & 1)) >> 13);
      float[0]! += 0.5; // where the last bit of a sum is that of the smallest number
      return sign | (bits[0] - HALF);
    });
    return { stored };
  },
};

/** By dtype. */
export const packings: Readonly<Partial<Record<ModelShape['dtype'], Packing>>> = { f16: HALVES, int8: BYTES };
