// @ts-check
/** Labels with their scores, as a list of bars. */
import { make } from '../page/dom.js';
import { percent } from '../page/format.js';

/** @import { Classification } from '../library.js' */

/**
 * Shows the labels in `list`, best first. Rows that are there already are used again, so that
 * their bars move from the old value to the new one.
 * @param {HTMLOListElement} list
 * @param {readonly Classification[]} labels
 */
export function showBars(list, labels) {
  while (list.children.length > labels.length) list.lastElementChild?.remove();
  for (const [i, { label, score }] of labels.entries()) {
    const row = /** @type {HTMLLIElement} */ (list.children[i] ?? list.appendChild(newRow()));
    const [name, value, bar] = /** @type {[HTMLElement, HTMLDataElement, HTMLElement]} */ (/** @type {unknown} */ (row.children));
    name.textContent = label;
    value.value = String(score);
    value.textContent = percent(score);
    // The object model of styles may do what style attributes may not under a strict policy.
    bar.style.setProperty('--share', String(score));
  }
}

/**
 * Returns the labels as a sentence, for those who do not see the bars.
 * @param {readonly Classification[]} labels
 */
export function spoken(labels) {
  const [first, second] = labels.map(({ label, score }) => `${label}, ${percent(score)}`);
  return second === undefined ? `${first}.` : `${first}. Then ${second}.`;
}

function newRow() {
  const bar = make('span', { className: 'bar' });
  bar.setAttribute('aria-hidden', 'true');
  return make('li', {}, make('span', { className: 'label' }), make('data', { className: 'value' }), bar);
}
