/** What a page can draw, as what an engine may keep. */
import { BeitError, failure, sentenceOf } from '../base/errors.js';
import type { FromGlobal } from '../base/globals.js';
import { checkDrawable, checkPixels } from '../engine/drawables.js';

/** What of a browser can be drawn: an element, a canvas, a bitmap or a frame. */
export type Drawable =
  | FromGlobal<'HTMLImageElement'>
  | FromGlobal<'HTMLVideoElement'>
  | FromGlobal<'HTMLCanvasElement'>
  | FromGlobal<'OffscreenCanvas'>
  | FromGlobal<'ImageBitmap'>
  | FromGlobal<'VideoFrame'>;

type Shown = FromGlobal<'ImageBitmap'> | FromGlobal<'VideoFrame'>;
type Changing = FromGlobal<'HTMLVideoElement'> | FromGlobal<'HTMLCanvasElement'> | FromGlobal<'OffscreenCanvas'>;

const CHANGING = ['HTMLVideoElement', 'HTMLCanvasElement', 'OffscreenCanvas'];
const DRAWABLE = [...CHANGING, 'HTMLImageElement', 'ImageBitmap', 'VideoFrame'];

export const isDrawable = (value: unknown): value is Drawable => DRAWABLE.some((name) => isInstance(value, name));

/** Returns whether a value may show something else a moment later. */
export const isChanging = (value: unknown): value is Changing => CHANGING.some((name) => isInstance(value, name));

/**
 * Returns what `image` shows, to be closed by whoever takes it: itself where it is handed over, else a copy.
 * Rejects with bad-image, and a sentence that says why, where there is nothing to draw or it may not be read.
 */
export async function bitmapOf(image: Drawable, where: string, handedOver: boolean): Promise<Shown> {
  if (isInstance(image, 'ImageBitmap') || isInstance(image, 'VideoFrame')) {
    const given = image as ImageBitmap | VideoFrame;
    checkDrawable(given, where);
    return handedOver ? given : copyOf(given);
  }
  const bitmap = await shownBy(image as HTMLImageElement | Changing, where);
  try {
    checkDrawable(bitmap, where);
    return bitmap;
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

/**
 * Returns a copy that can be transferred. Posting one's own copies its pixels in the page's thread: 60 to 70 ms of
 * 12 million pixels in Chromium, where this and a transfer take 30.
 */
function copyOf(image: ImageBitmap | VideoFrame): Promise<ImageBitmap> | VideoFrame {
  return 'clone' in image ? image.clone() : createImageBitmap(image);
}

async function shownBy(element: HTMLImageElement | Changing, where: string): Promise<ImageBitmap> {
  try {
    if (isInstance(element, 'HTMLImageElement')) {
      await (element as HTMLImageElement).decode();
      checkSize(element, where);
      // As its file has them: neither its colours converted, nor lost where they are transparent.
      return await createImageBitmap(element, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    }
    checkSize(element as Changing, where);
    return await createImageBitmap(element);
  } catch (error) {
    if (error instanceof BeitError) throw error;
    throw failure('bad-image', where, whyNothing(element) ?? `the browser has nothing to draw of it (${sentenceOf(error)})`, error);
  }
}

function sizeOf(element: HTMLImageElement | Changing): { width: number; height: number } {
  if ('naturalWidth' in element) return { width: element.naturalWidth, height: element.naturalHeight };
  return 'videoWidth' in element ? { width: element.videoWidth, height: element.videoHeight } : element;
}

function checkSize(element: HTMLImageElement | Changing, where: string): void {
  const { width, height } = sizeOf(element);
  checkPixels(width, height, where);
}

/** Returns why there is nothing to draw of an element, by its state; null where that tells nothing. */
function whyNothing(element: HTMLImageElement | Changing): string | null {
  const { width, height } = sizeOf(element);
  if ('naturalWidth' in element) {
    if (!element.currentSrc && !element.src) return 'the image element has no picture: set its src first';
    if (!element.complete) return 'the image element is still loading';
    return width === 0 || height === 0
      ? 'the image element shows no picture: its file did not come, or is none that this browser reads'
      : null;
  }
  if ('videoWidth' in element) {
    if (element.readyState < element.HAVE_CURRENT_DATA) return 'the video has no frame to show yet: wait for its event loadeddata';
    return width === 0 || height === 0 ? 'the video has no picture, only sound' : null;
  }
  if (width === 0 || height === 0) return `the canvas has no pixels (${width} x ${height})`;
  return Math.max(width, height) > LARGEST_SIDE ? `the canvas is larger than this browser can draw (${width} x ${height})` : null;
}

// What every browser can draw; some can more.
const LARGEST_SIDE = 16384;

// Asked by name, because most of these classes exist in few of the threads that this runs in.
function isInstance(value: unknown, className: string): boolean {
  const constructor = (globalThis as Record<string, unknown>)[className];
  return typeof constructor === 'function' && value instanceof constructor;
}
