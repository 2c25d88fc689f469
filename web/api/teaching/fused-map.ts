/** What a segmentation model makes of a picture before it is classified, and what a linear head makes of that. */
import { Breather, throwIfAborted } from '../../base/scheduling.js';
import type { Tensor } from '../../base/tensors.js';
import type { Place } from './strokes.js';

/** A picture as a segmentation model sees it: the map that its last layer classifies. */
export interface FusedMap {
  /** The picture's own size. */
  width: number;
  height: number;
  /** (1, C, h, w) */
  features: Tensor;
}

/** Returns the features of a place, (C), between cells as logits are resized: bilinearly, and the last cell's beyond its centre. */
export function featuresAt({ dims, data }: Tensor, { row, column }: Place): Float32Array {
  const [, channels = 0, height = 0, width = 0] = dims;
  const [y, x] = [Math.min(Math.max(row, 0), height - 1), Math.min(Math.max(column, 0), width - 1)];
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)];
  const [down, across] = [y - top, x - left];
  return Float32Array.from({ length: channels }, (_, c) => {
    const at = (i: number, j: number): number => data[(c * height + i) * width + j]!;
    return (
      (1 - down) * ((1 - across) * at(top, left) + across * at(top, right)) +
      down * ((1 - across) * at(bottom, left) + across * at(bottom, right))
    );
  });
}

/** Returns the logits (1, labels, h, w) of a map by weights (labels, C) and biases, in double precision until they are stored. */
export async function logitsOn(
  { dims, data }: Tensor,
  { weight, bias }: { weight: Float32Array; bias: Float32Array },
  signal: AbortSignal | null | undefined,
): Promise<Tensor> {
  const [, channels = 0, height = 0, width = 0] = dims;
  const area = height * width;
  const logits = new Float32Array(bias.length * area);
  const breather = new Breather();
  for (const [k, start] of bias.entries()) {
    const sums = new Float64Array(area).fill(start);
    for (let c = 0; c < channels; ++c) {
      const factor = weight[k * channels + c]!;
      const row = data.subarray(c * area, (c + 1) * area);
      for (let i = 0; i < area; ++i) sums[i] = sums[i]! + factor * row[i]!;
    }
    logits.set(sums, k * area);
    await breather.breathe();
    throwIfAborted(signal);
  }
  return { dims: [1, bias.length, height, width], data: logits };
}
