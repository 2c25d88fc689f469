// @ts-check
/** Pictures to look at, and to move or remove: those of a class, of a cell of the matrix, those that resemble nothing. */
import { announce, make, part } from '../page/dom.js';
import { percent } from '../page/format.js';
import { pictureOf } from './cards.js';

/** @import { Lessons } from './lessons.js' */

const A_PAGE = 60;

export class Gallery {
  #root;
  #lessons;
  #dialog;
  /** @type {number[]} */
  #ids = [];
  #shown = 0;
  /** @type {Set<number>} */
  #chosen = new Set();

  /**
   * @param {HTMLElement} root
   * @param {Lessons} lessons
   */
  constructor(root, lessons) {
    this.#root = root;
    this.#lessons = lessons;
    this.#dialog = part(root, 'gallery', HTMLDialogElement);
    const on = (/** @type {string} */ name, /** @type {() => void} */ work) =>
      part(root, name, HTMLButtonElement).addEventListener('click', work);
    on('gallery-close', () => this.#dialog.close());
    on('gallery-more', () => this.#more());
    on('gallery-all', () => {
      const all = this.#chosen.size < this.#ids.length;
      this.#chosen = new Set(all ? this.#ids : []);
      for (const box of this.#boxes()) box.checked = all;
      this.#tell();
    });
    on('gallery-move', () => {
      const name = part(root, 'gallery-to', HTMLSelectElement).value;
      const to = lessons.named(name);
      if (to) this.#do((ids) => lessons.move(ids, to), `moved to ${name}`);
    });
    on('gallery-remove', () => this.#do((ids) => lessons.remove(ids), 'removed'));
  }

  /**
   * @param {string} title
   * @param {readonly number[]} ids
   * @param {number | null} chosen
   */
  open(title, ids, chosen = null) {
    this.#ids = [...ids];
    this.#chosen = new Set(chosen === null ? [] : [chosen]);
    this.#shown = 0;
    part(this.#root, 'gallery-title', HTMLElement).textContent = title;
    part(this.#root, 'gallery-list', HTMLElement).replaceChildren();
    part(this.#root, 'gallery-to', HTMLSelectElement).replaceChildren(
      ...this.#lessons.classes.map(({ name }) => make('option', { value: name, textContent: name })),
    );
    this.#more();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#boxes()
      .find(({ checked }) => checked)
      ?.focus();
  }

  #more() {
    const list = part(this.#root, 'gallery-list', HTMLElement);
    const wrong = new Map((this.#lessons.fit?.wrong ?? []).map((one) => [one.id, one]));
    const classOf = new Map(this.#lessons.classes.flatMap(({ name, ids }) => ids.map((id) => [id, name])));
    for (const id of this.#ids.slice(this.#shown, this.#shown + A_PAGE)) {
      const taken = wrong.get(id);
      const name = classOf.get(id) ?? '';
      const text = taken ? `${name}, taken for ${taken.answer} (${percent(taken.score)})` : name;
      const box = make('input', { type: 'checkbox', value: String(id), checked: this.#chosen.has(id) });
      box.addEventListener('change', () => {
        if (box.checked) this.#chosen.add(id);
        else this.#chosen.delete(id);
        this.#tell();
      });
      const caption = make('span', { className: taken ? 'taken' : '', textContent: text });
      list.append(make('li', {}, make('label', {}, box, pictureOf(this.#lessons, id), caption)));
    }
    this.#shown = Math.min(this.#shown + A_PAGE, this.#ids.length);
    this.#tell();
  }

  #boxes() {
    return /** @type {HTMLInputElement[]} */ ([...part(this.#root, 'gallery-list', HTMLElement).querySelectorAll('input')]);
  }

  #tell() {
    const { size } = this.#chosen;
    part(this.#root, 'gallery-hint', HTMLElement).textContent =
      this.#ids.length === 0 ? 'There are none any more.' : `${size} of ${this.#ids.length} chosen.`;
    part(this.#root, 'gallery-more', HTMLButtonElement).hidden = this.#shown >= this.#ids.length;
    for (const name of ['gallery-move', 'gallery-remove']) part(this.#root, name, HTMLButtonElement).disabled = size === 0;
    part(this.#root, 'gallery-all', HTMLButtonElement).textContent = size < this.#ids.length || size === 0 ? 'Choose all' : 'Choose none';
  }

  /**
   * @param {(ids: number[]) => void} work
   * @param {string} done
   */
  #do(work, done) {
    const ids = [...this.#chosen];
    work(ids);
    announce(`${ids.length} ${ids.length === 1 ? 'picture' : 'pictures'} ${done}.`);
    this.#ids = this.#ids.filter((id) => !this.#chosen.has(id));
    for (const box of this.#boxes()) if (this.#chosen.has(Number(box.value))) box.closest('li')?.remove();
    this.#shown = Math.min(this.#boxes().length, this.#ids.length);
    this.#chosen.clear();
    if (this.#ids.length === 0) this.#dialog.close();
    else {
      this.#tell();
      this.#boxes()[0]?.focus();
    }
  }
}
