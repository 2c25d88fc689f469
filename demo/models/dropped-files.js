// @ts-check
/** Telling a checkpoint's files from pictures. */

const WEIGHTS = /\.(safetensors|bin|pth|pt|msgpack|pkl)$|\.(safetensors|bin)\.index\.json$|^(preprocessor_)?config\.json$/i;

/**
 * Returns whether a file belongs to a checkpoint.
 * @param {File} file
 */
export function isCheckpoint({ name }) {
  return WEIGHTS.test(name);
}
