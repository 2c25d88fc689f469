/** Returns rows of `length` weights in 8 bits, as the core quantises them (src/kernels/gemm/quantization.cpp), and what each is to be multiplied by. */
export function packRows(values: Float32Array, length: number): { bytes: Int8Array<ArrayBuffer>; scales: Float32Array } {
  const bytes = new Int8Array(values.length);
  const scales = new Float32Array(values.length / length);
  for (let row = 0, first = 0; row < scales.length; ++row, first += length) {
    let most = 0;
    for (let i = first; i < first + length; ++i) most = Math.max(most, Math.abs(values[i]!));
    if (!Number.isFinite(most)) throw new Error('a weight is not a finite number');
    const scale = (scales[row] = most / 127 || 1);
    for (let i = first; i < first + length; ++i) bytes[i] = Math.round(values[i]! / scale);
  }
  return { bytes, scales };
}
