/** From the tensors of a file to the inputs of a forward pass. */
import { failure, mismatch } from '../base/errors.js';
import type { AnyTensor } from '../base/tensors.js';
import type { ForwardInputs } from '../engine/engine.js';

/** Returns the tensor of that name, with or without the prefix "in.", or undefined. */
export function inputOf(tensors: Record<string, AnyTensor>, name: string): AnyTensor | undefined {
  return tensors[`in.${name}`] ?? tensors[name];
}

/** Returns the inputs that a file has. Throws missing-tensor or wrong-type, naming `file`. */
export function forwardInputs(tensors: Record<string, AnyTensor>, file: string): ForwardInputs {
  const pixels = inputOf(tensors, 'pixel_values');
  const mask = inputOf(tensors, 'bool_masked_pos');
  const labels = inputOf(tensors, 'labels');
  if (!pixels) throw failure('missing-tensor', file, 'it has no tensor pixel_values');
  if (!(pixels.data instanceof Float32Array)) throw mismatch('wrong-type', `${file}: pixel_values`, pixels.dtype, 'F32, F16 or BF16');
  return {
    pixelValues: { dims: pixels.dims, data: pixels.data },
    boolMaskedPos: mask && {
      dims: mask.dims,
      data: Uint8Array.from(mask.data as Iterable<number | bigint>, (value) => Number(value !== 0 && value !== 0n)),
    },
    labels: labels && { dims: labels.dims, data: labelValues(labels, file) },
  };
}

function labelValues({ data, dtype }: AnyTensor, file: string): Float32Array | Int32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  return Int32Array.from(data as Iterable<number | bigint>, (value) => {
    const id = Number(value);
    if (id !== (id | 0)) throw mismatch('wrong-type', `${file}: labels (${dtype})`, String(value), 'integers of 32 bits');
    return id;
  });
}
