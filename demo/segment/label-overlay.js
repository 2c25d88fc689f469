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

/**
 * Draws the labels at the size of the map.
 * @param {HTMLCanvasElement} canvas
 * @param {Segmentation} segmentation
 * @param {number | null} alone see paletteOf()
 */
export function drawLabels(canvas, { width, height, labels, legend }, alone) {
  const palette = paletteOf(legend, alone);
  const context = contextOf(canvas);
  const picture = context.createImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; ++i) pixels[i] = palette[labels[i] ?? 0] ?? 0;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.putImageData(picture, 0, 0);
  canvas.hidden = false;
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
