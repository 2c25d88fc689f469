// @ts-check
/** Attention over patches as light on a canvas: what is looked at stays bright. */
import { contextOf, make } from '../page/dom.js';

/** @import { Region } from '../pictures/view.js' */

// Enough that the canvas, drawn over a large picture, shows no steps.
const PIXELS_A_PATCH = 16;

// Nothing is darkened beyond recognition.
const MOST_SHADE = 215;

// The colour of the most attended patches: warm, on any picture.
const GLOW = [255, 176, 46];
const MOST_GLOW = 110;

/**
 * Draws weights over the part of the picture that the model sees.
 * @param {HTMLCanvasElement} canvas covers the picture
 * @param {Float32Array} weights one a patch, rows from the top
 * @param {{ rows: number, columns: number }} grid
 * @param {Region} region
 */
export function drawAttention(canvas, weights, { rows, columns }, region) {
  const small = make('canvas', { width: columns, height: rows });
  const context = contextOf(small);
  const light = context.createImageData(columns, rows);
  const lightest = weights.reduce((a, b) => Math.max(a, b), 0);
  const darkest = weights.reduce((a, b) => Math.min(a, b), Infinity);
  for (const [patch, weight] of weights.entries()) {
    // The root: attention has a few peaks, beside which everything else would be dark.
    const share = lightest > darkest ? Math.sqrt((weight - darkest) / (lightest - darkest)) : 1;
    // Up to the middle a shade that goes; from there a glow that comes.
    const shade = Math.max(1 - 2 * share, 0) * MOST_SHADE;
    const glow = Math.max(2 * share - 1, 0) * MOST_GLOW;
    light.data.set(shade > 0 ? [8, 10, 20, shade] : [...GLOW, glow], patch * 4);
  }
  context.putImageData(light, 0, 0);

  canvas.width = Math.round((columns * PIXELS_A_PATCH) / region.width);
  canvas.height = Math.round((rows * PIXELS_A_PATCH) / region.height);
  const target = contextOf(canvas);
  // Outside is what the model does not see.
  target.fillStyle = `rgb(8 10 20 / ${MOST_SHADE / 255})`;
  target.fillRect(0, 0, canvas.width, canvas.height);
  const [left, top] = [region.left * canvas.width, region.top * canvas.height];
  const [width, height] = [region.width * canvas.width, region.height * canvas.height];
  target.clearRect(left, top, width, height);
  target.imageSmoothingQuality = 'high';
  target.drawImage(small, left, top, width, height);
  canvas.hidden = false;
}

/**
 * Marks a patch with a frame.
 * @param {HTMLCanvasElement} canvas as drawAttention() left it
 * @param {number} patch
 * @param {{ rows: number, columns: number }} grid
 * @param {Region} region
 */
export function markPatch(canvas, patch, { rows, columns }, region) {
  const context = contextOf(canvas);
  const [width, height] = [(region.width * canvas.width) / columns, (region.height * canvas.height) / rows];
  const left = region.left * canvas.width + (patch % columns) * width;
  const top = region.top * canvas.height + Math.floor(patch / columns) * height;
  for (const [style, line] of /** @type {const} */ ([
    ['#000', 4],
    ['#fff', 2],
  ])) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.strokeRect(left, top, width, height);
  }
}
