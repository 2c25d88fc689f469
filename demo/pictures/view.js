// @ts-check
/** Which part of a picture a model sees, and into which patches it cuts that. */

/** @import { BeitConfig } from '../library.js' */

/**
 * @typedef {{ left: number, top: number, width: number, height: number }} Region in shares of the picture
 * @typedef {{ rows: number, columns: number }} Grid
 */

/** @typedef {{ width: number, height: number }} Size in pixels */

/**
 * Returns what the processor's resizing makes of a picture.
 * @param {Readonly<Record<string, unknown>>} processor the fields of BeitImageProcessor's config
 * @param {Size} picture
 * @returns {Size}
 */
function resizedSize({ doResize, size }, picture) {
  const { width, height, shortestEdge } = /** @type {Partial<Size> & { shortestEdge?: number }} */ (size ?? {});
  if (!doResize) return picture;
  if (shortestEdge === undefined) return { width: width ?? picture.width, height: height ?? picture.height };
  const shorter = Math.min(picture.width, picture.height);
  // Multiplied first: so the shorter side is exactly what it is to be.
  const scaled = (/** @type {number} */ side) => Math.floor((shortestEdge * side) / shorter);
  return { width: scaled(picture.width), height: scaled(picture.height) };
}

/**
 * Returns the part of the picture that is left after the processor's resizing and centre crop.
 * @param {Readonly<Record<string, unknown>>} processor the fields of BeitImageProcessor's config
 * @param {Size} picture
 * @returns {Region}
 */
export function seenRegion(processor, picture) {
  const resized = resizedSize(processor, picture);
  const crop = /** @type {Size | undefined} */ (processor['doCenterCrop'] ? processor['cropSize'] : undefined) ?? resized;
  const [width, height] = [Math.min(crop.width / resized.width, 1), Math.min(crop.height / resized.height, 1)];
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
}

/**
 * Returns the grid of patches. The processor has the last word on the picture's size, as the model has.
 * @param {{ model: { config: BeitConfig }, processor: { config: Readonly<Record<string, unknown>> } }} use
 * @param {Size} picture
 * @returns {Grid}
 */
export function patchGrid({ model, processor: { config } }, picture) {
  const { patchSize } = model.config;
  const { width, height } = /** @type {Size} */ (config['doCenterCrop'] ? config['cropSize'] : resizedSize(config, picture));
  return { rows: Math.floor(height / patchSize.height), columns: Math.floor(width / patchSize.width) };
}
