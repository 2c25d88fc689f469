// @ts-check
/** Which part of a picture a model sees, and into which patches it cuts that. */

/** @import { BeitConfig } from '../library.js' */

/**
 * @typedef {{ left: number, top: number, width: number, height: number }} Region in shares of the picture
 * @typedef {{ rows: number, columns: number }} Grid
 */

/**
 * Returns the part of the picture that is left after the processor's resizing and centre crop.
 * @param {Readonly<Record<string, unknown>>} processor the fields of BeitImageProcessor's config
 * @returns {Region}
 */
export function seenRegion(processor) {
  const size = /** @type {{ width?: number, height?: number } | undefined} */ (processor['size']);
  const crop = /** @type {{ width?: number, height?: number } | undefined} */ (processor['cropSize']);
  const share = (/** @type {'width' | 'height'} */ side) =>
    processor['doCenterCrop'] && processor['doResize'] && size?.[side] && crop?.[side] ? Math.min(crop[side] / size[side], 1) : 1;
  const [width, height] = [share('width'), share('height')];
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
}

/**
 * Returns the grid of patches. The processor has the last word on the picture's size, as the model has.
 * @param {{ model: { config: BeitConfig }, processor: { config: Readonly<Record<string, unknown>> } }} use
 * @returns {Grid}
 */
export function patchGrid({
  model: {
    config: { imageSize, patchSize },
  },
  processor: { config },
}) {
  const given = config['doCenterCrop'] ? config['cropSize'] : config['doResize'] ? config['size'] : null;
  const { width = imageSize.width, height = imageSize.height } = /** @type {{ width?: number, height?: number } | null} */ (given) ?? {};
  return { rows: Math.floor(height / patchSize.height), columns: Math.floor(width / patchSize.width) };
}
