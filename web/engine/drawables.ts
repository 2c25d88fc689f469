/** Bitmaps and frames of the browser as samples. */
import { BeitError, failure, mismatch } from '../base/errors.js';
import type { RawImage } from './engine.js';

/** As the core has it for encoded pictures. */
const MAX_PIXELS = 2 ** 28;

/** Throws bad-image for more pixels than are taken. */
export function checkPixels(width: number, height: number, where: string): void {
  if (width * height > MAX_PIXELS) throw mismatch('bad-image', where, `${width} x ${height} pixels`, `at most ${MAX_PIXELS}`);
}

/** Returns the size at which a bitmap or a frame is shown; 0 x 0 for one that is closed. */
function shownSize(image: ImageBitmap | VideoFrame): { width: number; height: number } {
  return 'displayWidth' in image
    ? { width: image.displayWidth, height: image.displayHeight }
    : { width: image.width, height: image.height };
}

/** Throws bad-image for a bitmap or a frame that has been closed, has more pixels than are taken, or may not be read. */
export function checkDrawable(image: ImageBitmap | VideoFrame, where: string): void {
  const { width, height } = shownSize(image);
  if (width < 1 || height < 1) {
    throw mismatch('bad-image', where, `${width} x ${height} pixels (it is closed)`, 'at least one pixel');
  }
  checkPixels(width, height, where);
  try {
    const context = canvasOf(1, 1);
    context.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
    context.getImageData(0, 0, 1, 1);
  } catch (error) {
    throw failure(
      'bad-image',
      where,
      'its pixels may not be read, because it comes from another origin (a server ' +
        'allows it by CORS, and an element asks for it by crossOrigin)',
      error,
    );
  }
}

function canvasOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new BeitError('unsupported', 'This engine has no 2D canvas outside the page.');
  return context;
}

/**
 * Returns the RGBA samples of a bitmap or a frame, at the size at which it is shown. Under transparent pixels
 * are the colours that their file has, where the browser can tell them.
 */
export async function drawPixels(image: ImageBitmap | VideoFrame, where = 'image'): Promise<RawImage> {
  checkDrawable(image, where);
  const { width, height } = shownSize(image);
  const context = canvasOf(width, height);
  context.drawImage(image, 0, 0, width, height);
  let drawn: Uint8ClampedArray;
  try {
    drawn = context.getImageData(0, 0, width, height).data;
  } catch (error) {
    throw failure('bad-image', where, `this browser cannot draw ${width} x ${height} pixels`, error);
  }
  const data = isOpaque(drawn) ? drawn : await straightPixels(image, width, height, drawn);
  return { width, height, channels: 4, data };
}

function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

/**
 * Returns what `drawn` is before colours are multiplied by alpha, which a canvas cannot undo: Chromium's textures
 * have it, and Firefox's frames, each where the other has not. Else `drawn`.
 */
async function straightPixels(
  image: ImageBitmap | VideoFrame,
  width: number,
  height: number,
  drawn: Uint8ClampedArray,
): Promise<Uint8ClampedArray> {
  for (const read of [readTexture, readFrame]) {
    try {
      const straight = await read(image, width, height);
      if (straight && isSame(straight, drawn)) return straight;
    } catch {
      // A browser that has the one may lack the other, or a part of it.
    }
  }
  return drawn;
}

/** Returns whether opaque pixels and alpha are equal, and some colour under the others is not. */
function isSame(straight: Uint8ClampedArray, drawn: Uint8ClampedArray): boolean {
  if (straight.length !== drawn.length) return false;
  let more = false;
  for (let i = 0; i < drawn.length; i += 4) {
    const equal = straight[i] === drawn[i] && straight[i + 1] === drawn[i + 1] && straight[i + 2] === drawn[i + 2];
    if (straight[i + 3] !== drawn[i + 3] || (drawn[i + 3] === 255 && !equal)) return false;
    more ||= !equal;
  }
  return more;
}

function readTexture(image: ImageBitmap | VideoFrame, width: number, height: number): Uint8ClampedArray | null {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl');
  if (!gl) return null;
  try {
    if (Math.max(width, height) > Number(gl.getParameter(gl.MAX_TEXTURE_SIZE))) return null;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    const rgba = new Uint8ClampedArray(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(rgba.buffer));
    return gl.getError() === gl.NO_ERROR ? rgba : null;
  } finally {
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

async function readFrame(image: ImageBitmap | VideoFrame, width: number, height: number): Promise<Uint8ClampedArray | null> {
  if (typeof VideoFrame !== 'function') return null;
  const frame = new VideoFrame(image, { timestamp: 0 });
  try {
    if (frame.displayWidth !== width || frame.displayHeight !== height) return null;
    const rgba = new Uint8ClampedArray(width * height * 4);
    await frame.copyTo(rgba, { format: 'RGBA', layout: [{ offset: 0, stride: 4 * width }] });
    return rgba;
  } finally {
    frame.close();
  }
}
