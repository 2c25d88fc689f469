// @ts-check
/** How good the head is: in a sentence, as a matrix whose cells open the pictures, and the layer that it stands on. */
import { make, part } from '../page/dom.js';
import { duration, percent } from '../page/format.js';

/** @import { TaughtFit } from './teaching.js' */
/** @import { Lessons } from './lessons.js' */

// A matrix of more is too large to be looked at: then the confusions are listed.
const LARGEST_MATRIX = 30;
const LISTED = 20;

/** @typedef {(title: string, ids: readonly number[]) => void} Open */

/**
 * Returns the sentence about how often the head is right.
 * @param {TaughtFit} fit
 */
export function verdictOf({ counts, wrong, accuracy }) {
  const total = counts.reduce((a, b) => a + b, 0);
  return accuracy === null ? '' : `Right on ${total - wrong.length} of ${total}, each picture judged without itself.`;
}

export class Judgement {
  #root;
  #lessons;
  #open;

  /**
   * @param {HTMLElement} root
   * @param {Lessons} lessons
   * @param {Open} open
   */
  constructor(root, lessons, open) {
    this.#root = root;
    this.#lessons = lessons;
    this.#open = open;
    part(root, 'show-wrong', HTMLButtonElement).addEventListener('click', () => {
      const { fit } = lessons;
      if (fit)
        open(
          'Taken for something else, the surest first',
          fit.wrong.map(({ id }) => id),
        );
    });
    part(root, 'show-strangers', HTMLButtonElement).addEventListener('click', () =>
      open('Pictures that resemble no class', lessons.strangers),
    );
    part(root, 'layer', HTMLSelectElement).addEventListener('change', ({ target }) => {
      const { value } = /** @type {HTMLSelectElement} */ (target);
      lessons.chooseLayer(value === 'auto' ? 'auto' : Number(value));
    });
  }

  show() {
    const { fit, teacher } = this.#lessons;
    part(this.#root, 'judgement', HTMLElement).hidden = !fit;
    if (!fit || !teacher) return;
    const { accuracy, interval, wrong } = fit;
    part(this.#root, 'verdict', HTMLElement).textContent =
      accuracy === null ? 'From five pictures of each class on it is said here how often it is right.' : verdictOf(fit);
    part(this.#root, 'verdict-detail', HTMLElement).textContent =
      accuracy === null || !interval
        ? ''
        : `That is ${percent(accuracy)}; of new pictures of this kind it would be right on ${percent(interval[0])} to ${percent(interval[1])}` +
          `, as far as these can tell. Pictures of one recording are judged without each other. Fitted in ${duration(this.#lessons.fitMilliseconds)}.`;
    const shown = part(this.#root, 'show-wrong', HTMLButtonElement);
    shown.hidden = accuracy === null || wrong.length === 0;
    shown.textContent = wrong.length === 1 ? 'Look at the wrong one' : `Look at the ${wrong.length} wrong ones`;
    this.showStrangers();
    part(this.#root, 'confusion-part', HTMLElement).hidden = accuracy === null;
    if (accuracy !== null) this.#showMatrix(fit);
    this.#showLayer(fit, teacher.layers);
  }

  showStrangers() {
    const { strangers, fit } = this.#lessons;
    const button = part(this.#root, 'show-strangers', HTMLButtonElement);
    button.hidden = strangers.length === 0;
    button.textContent = strangers.length === 1 ? '1 resembles no class' : `${strangers.length} resemble no class`;
    part(this.#root, 'looks', HTMLElement).hidden = strangers.length === 0 && (fit?.accuracy === null || fit?.wrong.length === 0);
  }

  /** @param {TaughtFit} fit */
  #showMatrix({ labels, confusion, wrong, counts }) {
    const table = part(this.#root, 'confusion', HTMLTableElement);
    // In the order of the classes, not in that of their first pictures.
    const order = this.#lessons.classes.map(({ name }) => labels.indexOf(name)).filter((k) => k >= 0);
    const taken = (/** @type {number} */ from, /** @type {number} */ to) =>
      wrong.filter(({ label, answer }) => label === labels[from] && answer === labels[to]).map(({ id }) => id);
    const wrongOf = new Map(wrong.map(({ id }, i) => [id, i]));
    const right = (/** @type {number} */ k) => (this.#lessons.named(labels[k] ?? '')?.ids ?? []).filter((id) => !wrongOf.has(id));
    const cell = (/** @type {number} */ from, /** @type {number} */ to) => {
      const count = confusion[from]?.[to] ?? 0;
      const data = make('td', { className: from === to ? 'right' : 'wrong' });
      data.style.setProperty('--share', String(count / Math.max(counts[from] ?? 1, 1)));
      if (count === 0) return data;
      const what = from === to ? `${labels[from]}, told right` : `${labels[from]}, taken for ${labels[to]}`;
      const button = make('button', { type: 'button', textContent: String(count), ariaLabel: `${count}: ${what}. Look at them` });
      button.addEventListener('click', () => this.#open(what, from === to ? right(from) : taken(from, to)));
      data.append(button);
      return data;
    };
    if (order.length > LARGEST_MATRIX) {
      const pairs = order
        .flatMap((from) => order.filter((to) => to !== from).map((to) => ({ from, to, count: confusion[from]?.[to] ?? 0 })))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count)
        .slice(0, LISTED);
      table.replaceChildren(
        make(
          'tbody',
          {},
          ...pairs.map(({ from, to }) => make('tr', {}, head(`${labels[from]}, taken for ${labels[to]}`, 'row'), cell(from, to))),
        ),
      );
      return;
    }
    table.replaceChildren(
      make('thead', {}, make('tr', {}, make('td', { className: 'corner' }), ...order.map((k) => head(labels[k] ?? '', 'col')))),
      make(
        'tbody',
        {},
        ...order.map((from) => {
          const row = head('', 'row');
          const open = make('button', {
            type: 'button',
            textContent: labels[from] ?? '',
            ariaLabel: `${labels[from]}: all pictures, the wrong ones first`,
          });
          open.addEventListener('click', () =>
            this.#open(`${labels[from]}, the wrong ones first`, wrongFirst(this.#lessons, labels[from] ?? '')),
          );
          row.append(open);
          return make('tr', {}, row, ...order.map((to) => cell(from, to)));
        }),
      ),
    );
  }

  /**
   * @param {TaughtFit} fit
   * @param {number} layers
   */
  #showLayer({ layer }, layers) {
    const select = part(this.#root, 'layer', HTMLSelectElement);
    if (select.options.length !== layers + 1) {
      select.replaceChildren(
        make('option', { value: 'auto', textContent: 'the one that does best' }),
        ...Array.from({ length: layers }, (_, i) => make('option', { value: String(i + 1), textContent: `${i + 1} of ${layers}` })),
      );
    }
    select.value = String(this.#lessons.layer);
    const times = layers / layer;
    part(this.#root, 'layer-text', HTMLElement).textContent =
      layer === layers
        ? `The head stands on the last layer, ${layer} of ${layers}.`
        : `The head stands on layer ${layer} of ${layers}: saved, it is without those behind, which makes it about ${
            times >= 2 ? `${times.toFixed(times % 1 === 0 ? 0 : 1)} times as fast` : `${Math.round((times - 1) * 100)} % faster`
          }.`;
  }
}

/**
 * Returns the pictures of a class, those first that were taken for something else.
 * @param {Lessons} lessons
 * @param {string} name
 */
export function wrongFirst(lessons, name) {
  const wrong = (lessons.fit?.wrong ?? []).filter(({ label }) => label === name).map(({ id }) => id);
  const known = new Set(wrong);
  const ids = lessons.named(name)?.ids ?? [];
  return [...wrong.filter((id) => ids.includes(id)), ...ids.filter((id) => !known.has(id)).reverse()];
}

/**
 * @param {string} text
 * @param {'row' | 'col'} scope
 */
function head(text, scope) {
  const cell = make('th', { textContent: text });
  cell.scope = scope;
  return cell;
}
