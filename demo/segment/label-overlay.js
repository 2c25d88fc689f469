// @ts-check
/** A label map as colours over a picture. */
import { contextOf } from '../page/dom.js';

/** @import { LegendEntry, Segmentation } from '../library.js' */

// What is not the label that is looked at alone: almost hidden, whatever the picture shows.
const VEIL = [12, 14, 18, 255];

/**
 * Returns for each class id its colour as one number, as pixels of ImageData lie in memory.
 * @param {readonly LegendEntry[]} legend
 * @param {number | null} alone an id that is shown without a colour, under a veil over all others
 */
function paletteOf(legend, alone) {
  const most = legend.reduce((id, entry) => Math.max(id, entry.id), 0);
  const palette = new Uint32Array(most + 1);
  const bytes = new Uint8Array(palette.buffer);
  for (const { id, color } of legend) {
    bytes.set(alone === null ? [...color, 255] : id === alone ? [0, 0, 0, 0] : VEIL, id * 4);
  }
  return palette;
}

// A page may be busy for 50 ms at a time: a strip takes a fifth of that.
const STRIP_PIXELS = 1 << 19;

/** @type {WeakMap<HTMLCanvasElement, object>} what is drawn last on each */
const latest = new WeakMap();

const nextTask = () =>
  new Promise((resolve) => {
    setTimeout(resolve);
  });

/**
 * Draws the labels at the size of the map, a large one in strips with turns of the page between them; a later call ends an
 * earlier one. Resolves once all is drawn.
 * @param {HTMLCanvasElement} canvas
 * @param {Segmentation} segmentation
 * @param {number | null} alone see paletteOf()
 */
export function drawLabels(canvas, segmentation, alone) {
  const { width, height, legend } = segmentation;
  const context = contextOf(canvas);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.hidden = false;
  return drawStrips(context, segmentation, paletteOf(legend, alone));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Segmentation} segmentation
 * @param {Uint32Array} palette
 */
async function drawStrips(context, { width, height, labels }, palette) {
  const { canvas } = context;
  const rows = Math.max(1, Math.floor(STRIP_PIXELS / width));
  const call = {};
  latest.set(canvas, call);
  for (let y = 0; y < height; y += rows) {
    if (y > 0) await nextTask();
    if (latest.get(canvas) !== call) return;
    const strip = context.createImageData(width, Math.min(rows, height - y));
    const pixels = new Uint32Array(strip.data.buffer);
    for (let i = 0, from = y * width; i < pixels.length; ++i) pixels[i] = palette[labels[from + i] ?? 0] ?? 0;
    context.putImageData(strip, 0, y);
  }
}

/**
 * Returns a PNG of the picture with the labels over it, at the map's size.
 * @param {CanvasImageSource} picture
 * @param {HTMLCanvasElement} overlay as drawLabels() left it
 * @param {number} opacity from 0 to 1
 * @returns {Promise<Blob>}
 */
export async function pictureWithLabels(picture, overlay, opacity) {
  const canvas = new OffscreenCanvas(overlay.width, overlay.height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser gives no 2D canvas: close other tabs and try again.');
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = opacity;
  context.drawImage(overlay, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}
