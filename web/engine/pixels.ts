/** Images as samples. */
import { kindOf, mismatch } from '../base/errors.js';
import { isArrayOf } from '../base/realms.js';
import type { RawImage } from './engine.js';

/** Throws a BeitError unless `image` has sizes of at least 1 and as many samples as they need. */
export function checkRawImage(where: string, image: RawImage): void {
  const { width, height, channels, data } = image;
  for (const [name, value] of Object.entries({ width, height, channels })) {
    if (!Number.isInteger(value) || value < 1) {
      throw mismatch('invalid-argument', `${where}.${name}`, kindOf(value), 'a whole number of at least 1');
    }
  }
  if (!isArrayOf<Uint8Array | Uint8ClampedArray>(data, Uint8Array, Uint8ClampedArray)) {
    throw mismatch(
      'wrong-type',
      `${where}.data`,
      (data as object | null)?.constructor?.name ?? kindOf(data),
      'Uint8Array or Uint8ClampedArray',
    );
  }
  const expected = width * height * channels;
  if (data.length !== expected) {
    throw mismatch('wrong-shape', `${where}.data`, `${data.length} samples`, `${expected} (${width} x ${height} x ${channels})`);
  }
}

/**
 * Returns the image without its fourth channel where the model wants three: alpha is dropped, not
 * blended, which is what PIL's convert("RGB") does.
 */
export function withoutAlpha(image: RawImage, channels: number): RawImage {
  if (image.channels !== 4 || channels !== 3) return image;
  const { width, height, data } = image;
  const count = width * height;
  const rgb = new Uint8Array(count * 3);
  for (let i = 0, from = 0, to = 0; i < count; ++i, from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return { width, height, channels: 3, data: rgb };
}
