/** Images of the command line: what is read, and the PNG files that are written. */
import { platform } from '#platform';
import type { Engine, RawImage } from '../engine/engine.js';
import { checkFile, writeBytes } from './files.js';
import { writePng, type PngImage } from './png.js';

/** Throws not-found for a word that is neither a URL nor the path of a file. */
export function checkImage(image: string): void {
  if (!/^(https?|data|file):/i.test(image)) checkFile(image);
}

/** Returns the pixels of an image file or URL. Throws like checkImage(), and bad-image for no image. */
export async function readPicture(engine: Engine, image: string): Promise<RawImage> {
  checkImage(image);
  return engine.decodeImage(await platform.readImage(image, null), image);
}

/** Writes a PNG file. Throws io. */
export function writePicture(path: string, image: PngImage): void {
  writeBytes(path, writePng(image));
}
