/** From what a user calls an image to what an engine takes. */
import { platform } from '#platform';
import { failure, mismatch, sentenceOf } from '../base/errors.js';
import { isArrayBuffer, isArrayOf } from '../base/realms.js';
import type { FromGlobal } from '../base/globals.js';
import type { CallOptions, EngineImage, RawImage } from '../engine/engine.js';
import { checkRawImage } from '../engine/pixels.js';
import { bitmapOf, isChanging, isDrawable, type Drawable } from './drawables.js';

/**
 * One image: a URL, in Node also a path; an encoded file (PNG, JPEG, BMP, GIF, PNM) as File, Blob
 * or bytes; ImageData; samples {width, height, channels, data}; an element, canvas, bitmap or video
 * frame of the browser.
 *
 * Encoded files are decoded by the core, so that Node and every browser see the same pixels. What
 * the browser has decoded (elements, bitmaps, frames) is drawn at its natural size, in the colours of
 * its file. Of four channels the fourth is dropped where the model has three. An element without a
 * picture yet, of another origin, or too large is refused with bad-image, and why.
 */
export type ImageInput = string | URL | Blob | ArrayBuffer | Uint8Array | FromGlobal<'ImageData'> | RawImage | Drawable;

const EXPECTED =
  'a URL, a File or Blob, bytes, ImageData, {width, height, channels, data}, an image element, ' +
  'a canvas, an ImageBitmap or a VideoFrame';

/** What is nearly an image, and what makes one of it. */
const ADVICE: Readonly<Record<string, string>> = {
  Promise: 'what it resolves to: await it',
  Response: 'its bytes: await response.blob()',
  FileList: 'one of its files, or files in a list: [...files]',
};

/**
 * Returns the image in a form for an engine. Rejects with invalid-argument, wrong-type or
 * wrong-shape for what is no image; not-found, network or io where its file cannot be had.
 */
export async function toEngineImage(
  image: ImageInput,
  where: string,
  { signal = null, transfer: owned = false }: CallOptions,
): Promise<EngineImage> {
  if (typeof image === 'string' || image instanceof URL) {
    const bytes = await readAt(image, where, signal);
    return { kind: 'encoded', bytes, label: shortName(image), owned: true };
  }
  if (image instanceof Blob) {
    const label = (image as Partial<File>).name ?? where;
    try {
      return { kind: 'encoded', bytes: new Uint8Array(await image.arrayBuffer()), label, owned: true };
    } catch (error) {
      throw failure('io', label, `the file cannot be read (${sentenceOf(error)}): it may have changed since it was chosen`, error);
    }
  }
  if (isArrayBuffer(image)) return { kind: 'encoded', bytes: new Uint8Array(image), label: where, owned };
  if (isArrayOf(image, Uint8Array)) return { kind: 'encoded', bytes: image, label: where, owned };
  if (isDrawable(image)) return { kind: 'drawable', image: await bitmapOf(image, where, owned), owned: true };
  if (typeof image === 'object' && image !== null && 'data' in image && 'width' in image) {
    // ImageData has no channels: it is always RGBA.
    const { width, height, data } = image;
    const raw: RawImage = { width, height, channels: 'channels' in image ? image.channels : 4, data: data as RawImage['data'] };
    checkRawImage(where, raw);
    return { kind: 'raw', ...raw, owned };
  }
  throw mismatch('invalid-argument', where, describe(image), ADVICE[describe(image)] ?? EXPECTED);
}

/**
 * Returns the image in a form that is the same however often it is read: what is behind a URL is
 * fetched, what an element shows is copied. Rejects like toEngineImage().
 */
export async function fixedImage(image: ImageInput, signal: AbortSignal | null): Promise<ImageInput> {
  if (typeof image === 'string' || image instanceof URL) {
    return new File([(await readAt(image, 'image', signal)) as Uint8Array<ArrayBuffer>], shortName(image));
  }
  return isChanging(image) ? bitmapOf(image, 'image', false) : image;
}

function readAt(address: string | URL, where: string, signal: AbortSignal | null): Promise<Uint8Array> {
  // It would lead to the folder of the process, or to the page itself.
  if (address === '') throw mismatch('invalid-argument', where, 'an empty text', EXPECTED);
  return platform.readImage(address, signal);
}

function describe(value: unknown): string {
  return value === null ? 'null' : ((value as object | undefined)?.constructor?.name ?? typeof value);
}

function shortName(address: string | URL): string {
  const text = String(address);
  return text.startsWith('data:') ? 'the image of a data: URL' : text;
}
