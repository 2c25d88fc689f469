// @ts-check
/** The labels that occur, with their colours and shares; one of them can be looked at alone. */
import { make } from '../page/dom.js';
import { percent } from '../page/format.js';

/** @import { LegendEntry } from '../library.js' */

export class Legend {
  /** The id that is looked at alone. @type {number | null} */
  alone = null;
  /** @type {Map<number, HTMLButtonElement>} */
  #buttons = new Map();
  #list;
  #changed;

  /**
   * @param {HTMLUListElement} list
   * @param {() => void} changed called when another label is looked at alone, or none
   */
  constructor(list, changed) {
    this.#list = list;
    this.#changed = changed;
  }

  /**
   * Shows these labels. Rows of labels that stay are used again: a camera changes them many times a
   * second, and a button that goes away takes the focus with it.
   * @param {readonly LegendEntry[]} entries
   */
  show(entries) {
    if (!entries.some(({ id }) => id === this.alone)) this.alone = null;
    const before = this.#buttons;
    this.#buttons = new Map();
    for (const [place, entry] of entries.entries()) {
      const button = before.get(entry.id) ?? this.#button(entry.id);
      before.delete(entry.id);
      this.#buttons.set(entry.id, button);
      const [swatch, name, share] = /** @type {HTMLElement[]} */ ([...button.children]);
      swatch?.style.setProperty('--color', `rgb(${entry.color.join(' ')})`);
      if (name) name.textContent = entry.label;
      if (share) share.textContent = percent(entry.share);
      const item = /** @type {HTMLElement} */ (button.parentElement);
      if (this.#list.children[place] !== item) this.#list.insertBefore(item, this.#list.children[place] ?? null);
    }
    for (const gone of before.values()) gone.parentElement?.remove();
    this.#mark();
  }

  /**
   * Looks at one label alone; the same again or null: at all.
   * @param {number | null} id
   */
  isolate(id) {
    this.alone = id === this.alone ? null : id;
    this.#mark();
    this.#changed();
  }

  /**
   * Marks the label that is pointed at.
   * @param {number | null} id
   */
  point(id) {
    for (const [other, button] of this.#buttons) button.classList.toggle('pointed', other === id);
  }

  /** @param {number} id */
  #button(id) {
    const swatch = make('span', { className: 'swatch' });
    swatch.setAttribute('aria-hidden', 'true');
    const button = make(
      'button',
      { type: 'button', className: 'entry' },
      swatch,
      make('span', { className: 'label' }),
      make('span', { className: 'value' }),
    );
    button.addEventListener('click', () => this.isolate(id));
    make('li', {}, button);
    return button;
  }

  #mark() {
    for (const [id, button] of this.#buttons) button.setAttribute('aria-pressed', String(id === this.alone));
  }
}
