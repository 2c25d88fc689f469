// @ts-check
/** What was found in a checkpoint, as a sentence and as a table. */
import { make, part } from '../page/dom.js';
import { megabytes } from '../page/format.js';
import { taskOf } from './checkpoints.js';

/** @import { Inspection } from '../library.js' */

// More names than these are for `beit info`.
const MOST_NAMES = 200;

/** @type {Readonly<Record<string, string>>} */
const TABS = { classify: 'Classify', segment: 'Segment', mask: 'Mask', tokenizer: 'Mask' };

/**
 * Returns whether the checkpoint has all that its class needs.
 * @param {Inspection} found
 */
export function fits({ report }) {
  return report.missing.length === 0 && report.wrong.length === 0;
}

/**
 * Shows what was found.
 * @param {HTMLElement} root the Models panel
 * @param {Inspection} found
 */
export function showDetected(root, found) {
  const { className, config, report, estimate, tensors } = found;
  part(root, 'verdict', HTMLElement).textContent = verdictOf(found);
  const image = /** @type {{ width: number, height: number } | undefined} */ (config['imageSize']);
  const labels = config['id2label'];
  const facts = [
    ['Class', className],
    ['File format', report.container],
    ['Names as in', report.dialect],
    ['Number types', [...new Set(tensors.map(({ dtype }) => dtype))].join(', ')],
    [
      'Tensors',
      `${tensors.length}: ${count(report.missing, 'missing')}, ${count(report.unexpected, 'unexpected')}, ${count(report.skipped, 'not needed')}`,
    ],
    ...(config['numHiddenLayers']
      ? [['Encoder', `${config['numHiddenLayers']} layers, ${config['numAttentionHeads']} heads, width ${config['hiddenSize']}`]]
      : []),
    ...(image ? [['Picture', `${image.width} × ${image.height} pixels`]] : []),
    ...(Array.isArray(labels) && labels.length > 0
      ? [['Labels', `${labels.length}: ${labels.slice(0, 6).join(', ')}${labels.length > 6 ? ', …' : ''}`]]
      : []),
    ['To read', megabytes(report.fillBytes)],
    ['Memory', `${megabytes(estimate.weights)} for the weights, ${megabytes(estimate.activations)} for a pass`],
  ];
  part(root, 'found', HTMLElement).replaceChildren(
    ...facts.map(([name = '', value = '']) => make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value }))),
  );
  const names = [
    ...report.missing.map((name) => `missing: ${name}`),
    ...report.wrong.map((sentence) => `does not fit: ${sentence}`),
    ...report.unexpected.map((name) => `unexpected: ${name}`),
    ...report.skipped.map((name) => `not needed: ${name}`),
  ];
  const shown = names.slice(0, MOST_NAMES);
  if (names.length > MOST_NAMES) shown.push(`… and ${names.length - MOST_NAMES} more`);
  part(root, 'name-list', HTMLElement).replaceChildren(...shown.map((name) => make('li', { textContent: name })));
  part(root, 'names', HTMLElement).hidden = names.length === 0;
  part(root, 'detected', HTMLElement).hidden = false;
}

/** @param {Inspection} found */
function verdictOf(found) {
  const { className, report } = found;
  const task = taskOf(className);
  if (!task) return `This is a ${className}. It has no head that a tab of this page could use, so it was not loaded.`;
  if (!fits(found)) {
    const [first = ''] = [...report.missing.map((name) => `${name} is missing`), ...report.wrong];
    return `This is a ${className}, but it is not whole: ${first}${report.missing.length + report.wrong.length > 1 ? ', and more' : ''}.`;
  }
  return `This is a ${className}: the tab ${TABS[task]} uses it.`;
}

/**
 * @param {readonly string[]} names
 * @param {string} word
 */
function count(names, word) {
  return `${names.length === 0 ? 'none' : names.length} ${word}`;
}
