// @ts-check
/** Progress as a sentence and a bar. */
import { megabytes } from './format.js';

/** @import { Phase, Progress } from './library.js' */

/** @type {Readonly<Record<Phase, string>>} */
const PHASES = {
  artefact: 'Starting WebAssembly …',
  config: 'Reading the configuration …',
  index: 'Reading the list of tensors …',
  weights: 'Loading the weights …',
  ready: 'Getting ready …',
};

/**
 * Shows how far loading has come.
 * @param {HTMLElement} text
 * @param {HTMLProgressElement} bar
 * @param {Progress | null} progress null before the first is known
 */
export function showProgress(text, bar, progress) {
  if (!progress) {
    text.textContent = PHASES.artefact;
    bar.removeAttribute('value');
    return;
  }
  const { phase, loaded, total } = progress;
  const counted = phase === 'weights' && total > 0;
  text.textContent = counted
    ? `Loading the weights: ${megabytes(loaded)} of ${megabytes(total)}`
    : PHASES[phase];
  if (counted) bar.value = loaded / total;
  else bar.removeAttribute('value');
}

/**
 * Shows how far a pass has come, in steps of about a layer.
 * @param {HTMLElement} text
 * @param {HTMLProgressElement} bar
 * @param {number} done
 * @param {number} total 0 while it is not known
 */
export function showStep(text, bar, done, total) {
  text.textContent = 'Looking at the picture …';
  if (total > 0) bar.value = done / total;
  else bar.removeAttribute('value');
}
