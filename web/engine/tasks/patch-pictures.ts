/** From a model's input back to a picture, to show what the model sees. */
import type { Size, Tensor } from '../../base/tensors.js';
import type { ConfigFields, RawImage } from '../engine.js';
import type { PatchMask } from './block-mask.js';

// What stands for a masked patch: the middle of what a sample can be.
const GREY = 128;

/** Returns the picture of one image's pixel values (1, C, H, W), as the processor of that config made them. */
export function pictureOf({ dims, data }: Tensor, config: Readonly<ConfigFields>): RawImage {
  const [, channels = 0, height = 0, width = 0] = dims;
  const { doRescale, rescaleFactor, doNormalize, imageMean, imageStd } = config as {
    doRescale?: boolean;
    rescaleFactor?: number;
    doNormalize?: boolean;
    imageMean?: number[];
    imageStd?: number[];
  };
  const area = height * width;
  // A single number is for all channels.
  const of = (each: number[] | undefined, c: number): number | undefined => each?.[each.length === 1 ? 0 : c];
  // Clamped and rounded by the array.
  const samples = new Uint8ClampedArray(area * channels);
  for (let c = 0; c < channels; ++c) {
    const std = doNormalize ? (of(imageStd, c) ?? 1) : 1;
    const mean = doNormalize ? (of(imageMean, c) ?? 0) : 0;
    const scale = doRescale ? 1 / (rescaleFactor ?? 1) : 1;
    for (let i = 0; i < area; ++i) samples[i * channels + c] = (data[c * area + i]! * std + mean) * scale;
  }
  return { width, height, channels, data: samples };
}

/** Paints the masked patches of `picture` grey; each has the size `patch`. */
export function hidePatches({ width, channels, data }: RawImage, mask: PatchMask, patch: Size): void {
  const row = patch.width * channels;
  for (const [i, masked] of mask.data.entries()) {
    if (!masked) continue;
    const top = Math.floor(i / mask.width) * patch.height;
    const start = (i % mask.width) * row;
    for (let y = top; y < top + patch.height; ++y) data.fill(GREY, y * width * channels + start, y * width * channels + start + row);
  }
}
