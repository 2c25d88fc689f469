// @ts-check
/** The labels that can be painted: one is chosen, all can be named and removed. */
import { make } from '../../page/dom.js';

/** @import { Label } from './lesson.js' */

/** @typedef {{ row: HTMLLIElement, radio: HTMLInputElement, name: HTMLInputElement, count: HTMLSpanElement, remove: HTMLButtonElement }} Row */

export class LabelList {
  /** @type {Label | null} */
  chosen = null;
  /** @type {Map<Label, Row>} */
  #rows = new Map();
  #list;
  #does;

  /**
   * @param {HTMLUListElement} list
   * @param {object} does
   * @param {() => void} does.choose called when another label is chosen
   * @param {(label: Label, name: string) => boolean} does.rename whether it has the name then
   * @param {(label: Label) => void} does.remove
   */
  constructor(list, does) {
    this.#list = list;
    this.#does = does;
  }

  /**
   * Shows these labels, with the number of strokes of each.
   * @param {readonly Label[]} labels
   * @param {(label: Label) => number} countOf
   */
  show(labels, countOf) {
    for (const [label, { row }] of this.#rows) {
      if (labels.includes(label)) continue;
      row.remove();
      this.#rows.delete(label);
    }
    for (const label of labels) {
      const row = this.#rows.get(label) ?? this.#make(label);
      const count = countOf(label);
      if (document.activeElement !== row.name) row.name.value = label.name;
      row.count.textContent = `${count} ${count === 1 ? 'stroke' : 'strokes'}`;
      row.radio.setAttribute('aria-label', `Paint ${label.name}`);
      row.remove.setAttribute('aria-label', `Remove ${label.name}`);
    }
    if (!this.chosen || !labels.includes(this.chosen)) this.choose(labels[0] ?? null);
  }

  /** @param {Label | null} label */
  choose(label) {
    this.chosen = label;
    const row = label && this.#rows.get(label);
    if (row) row.radio.checked = true;
    this.#does.choose();
  }

  /** Puts the cursor into a label's name. @param {Label} label */
  focus(label) {
    const name = this.#rows.get(label)?.name;
    name?.focus();
    name?.select();
  }

  /** @param {Label} label */
  #make(label) {
    const radio = make('input', { type: 'radio', name: 'stroke-label' });
    const swatch = make('span', { className: 'swatch' });
    swatch.style.setProperty('--color', `rgb(${label.color.join(' ')})`);
    swatch.setAttribute('aria-hidden', 'true');
    const name = make('input', { type: 'text', className: 'label-name', value: label.name, maxLength: 60, autocomplete: 'off' });
    name.setAttribute('aria-label', 'Name of the label');
    const count = make('span', { className: 'count' });
    const remove = make('button', { type: 'button', className: 'button small', textContent: 'Remove' });
    const row = make('li', { className: 'stroke-label' }, make('label', { className: 'choice' }, radio, swatch), name, count, remove);
    radio.addEventListener('change', () => this.choose(label));
    name.addEventListener('focus', () => this.choose(label));
    name.addEventListener('change', () => {
      if (!this.#does.rename(label, name.value.trim())) name.value = label.name;
    });
    name.addEventListener('keydown', ({ key }) => key === 'Enter' && name.blur());
    remove.addEventListener('click', () => this.#does.remove(label));
    this.#rows.set(label, { row, radio, name, count, remove });
    this.#list.append(row);
    return { row, radio, name, count, remove };
  }
}
