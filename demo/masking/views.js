// @ts-check
/** Pictures that come out of a model, each with its caption. */
import { contextOf, make } from '../page/dom.js';

/** @import { MaskedImagePrediction, RawImage } from '../library.js' */

/**
 * Shows what was hidden, guessed and true.
 * @param {HTMLElement} root
 * @param {MaskedImagePrediction} prediction
 */
export function showViews(root, { maskedImage, reconstruction, tokenizerReconstruction }) {
  const views = [figureOf(maskedImage, 'What the model sees')];
  if (reconstruction) views.push(figureOf(reconstruction, 'Its guess for what is hidden'));
  if (tokenizerReconstruction) views.push(figureOf(tokenizerReconstruction, 'The true tokens'));
  root.replaceChildren(...views);
}

/**
 * @param {RawImage} image
 * @param {string} caption
 */
function figureOf({ width, height, channels, data }, caption) {
  const canvas = make('canvas', { width, height });
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', caption);
  const context = contextOf(canvas);
  const picture = context.createImageData(width, height);
  for (let i = 0; i < width * height; ++i) {
    for (let c = 0; c < 3; ++c) picture.data[i * 4 + c] = data[i * channels + (channels < 3 ? 0 : c)] ?? 0;
    picture.data[i * 4 + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
  return make('figure', {}, canvas, make('figcaption', { textContent: caption }));
}
