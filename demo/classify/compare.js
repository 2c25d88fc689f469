// @ts-check
/** Two pictures side by side: what the model says of each, and how alike it finds them. */
import { make } from '../page/dom.js';
import { percent } from '../page/format.js';

/** @import { Classification, ImageClassificationPipeline, Tensor } from '../library.js' */

/**
 * What is known of one picture.
 * @typedef {{ labels: Classification[], features: Float32Array }} Seen labels: all of them
 */

/**
 * Returns all labels of an image, and its features: the mean of the patches in the last hidden state.
 * @param {ImageClassificationPipeline} use
 * @param {File | ImageBitmap} image
 * @param {import('../library.js').ForwardCallOptions} call
 * @returns {Promise<Seen>}
 */
export async function see(use, image, call) {
  const labels = await use(image, { ...call, topK: null });
  const { pixelValues } = await use.processor.preprocess(image, { signal: call.signal });
  const { hiddenStates } = await use.model.forward({ pixelValues }, { signal: call.signal, outputHiddenStates: true });
  const last = hiddenStates?.at(-1);
  return { labels, features: last ? meanOfPatches(last) : new Float32Array() };
}

/**
 * Returns the cosine of the angle between two vectors, from -1 to 1.
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
export function cosine(a, b) {
  let [product, left, right] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    product += x * y;
    left += x * x;
    right += y * y;
  }
  return product / (Math.sqrt(left * right) || 1);
}

/**
 * Shows the `count` labels that either picture has most of, with both scores.
 * @param {HTMLOListElement} list
 * @param {Seen} a
 * @param {Seen} b
 * @param {number} count
 */
export function showPairs(list, a, b, count) {
  const other = new Map(b.labels.map(({ label, score }) => [label, score]));
  const pairs = a.labels.map(({ label, score }) => ({ label, scores: [score, other.get(label) ?? 0] }));
  pairs.sort((x, y) => Math.max(...y.scores) - Math.max(...x.scores));
  list.replaceChildren(
    ...pairs.slice(0, count).map(({ label, scores }) => {
      const bars = scores.map((score, i) => {
        const bar = make('span', { className: i === 0 ? 'bar' : 'bar second' });
        bar.setAttribute('aria-hidden', 'true');
        bar.style.setProperty('--share', String(score));
        return bar;
      });
      const values = make('span', { className: 'value', textContent: scores.map((score, i) => `${'AB'[i]} ${percent(score)}`).join(', ') });
      return make('li', {}, make('span', { className: 'label', textContent: label }), values, ...bars);
    }),
  );
}

/** @param {Tensor} states (1, T, C), the class token first */
function meanOfPatches({ dims, data }) {
  const [, tokens = 0, width = 0] = dims;
  const mean = new Float32Array(width);
  for (let token = 1; token < tokens; ++token) {
    for (let i = 0; i < width; ++i) mean[i] = (mean[i] ?? 0) + (data[token * width + i] ?? 0) / (tokens - 1);
  }
  return mean;
}
