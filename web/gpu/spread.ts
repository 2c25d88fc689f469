/** Returns `values`, runs of `length` floats, with zeros behind each run up to `to`. */
export function spread(values: Float32Array, length: number, to: number): Float32Array {
  if (length === to) return values;
  const wide = new Float32Array((values.length / length) * to);
  for (let from = 0, at = 0; from < values.length; from += length, at += to) wide.set(values.subarray(from, from + length), at);
  return wide;
}
