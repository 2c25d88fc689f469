// @ts-check
/** Decoding what the library does not: the formats that only the browser knows (WebP, AVIF, …). */

/**
 * Returns what `classify` makes of the file itself: the library decodes it, as it does under Node.
 * A format that it does not know is decoded by the browser, if that can; else the library's error
 * stands.
 * @template T
 * @param {File} file
 * @param {(image: File | ImageBitmap) => Promise<T>} classify
 * @returns {Promise<T>}
 */
export async function decodingWhereNeeded(file, classify) {
  try {
    return await classify(file);
  } catch (error) {
    if (/** @type {{ code?: unknown } | null} */ (error)?.code !== 'unsupported') throw error;
    /** @type {ImageBitmap} */
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      throw error;
    }
    try {
      return await classify(bitmap);
    } finally {
      bitmap.close();
    }
  }
}
