// @ts-check
/** The list of classes: their names, their pictures, and the ways to give them more. */
import { make } from '../page/dom.js';
import { chosenFiles, droppedFiles } from './folders.js';

/** @import { Class, Lessons } from './lessons.js' */

// The last ones: who wants to see all opens the class.
const SHOWN = 8;

/** What a dragged picture is called by, for another class to take it. */
export const DRAGGED = 'application/x-beit-picture';

/**
 * @typedef {object} Wishes what the user wants of a class
 * @property {(one: Class) => void} record begins to record
 * @property {(one: Class) => void} stopRecording
 * @property {(one: Class) => void} shoot takes one picture
 * @property {(one: Class, files: readonly File[]) => void} take
 * @property {(one: Class, chosen: number | null) => void} open shows all its pictures, one of them chosen
 */

export class Cards {
  #list;
  #lessons;
  #wishes;
  /** @type {Map<number, Card>} */
  #cards = new Map();

  /**
   * @param {HTMLElement} list
   * @param {Lessons} lessons
   * @param {Wishes} wishes
   */
  constructor(list, lessons, wishes) {
    this.#list = list;
    this.#lessons = lessons;
    this.#wishes = wishes;
  }

  show() {
    const { classes } = this.#lessons;
    for (const [key, card] of this.#cards) {
      if (classes.some((one) => one.key === key)) continue;
      card.element.remove();
      this.#cards.delete(key);
    }
    for (const [i, one] of classes.entries()) {
      let card = this.#cards.get(one.key);
      if (!card) this.#cards.set(one.key, (card = new Card(one, this.#lessons, this.#wishes)));
      if (this.#list.children[i] !== card.element) this.#list.insertBefore(card.element, this.#list.children[i] ?? null);
      card.show();
    }
  }

  /**
   * @param {Class} one
   */
  focus(one) {
    this.#cards.get(one.key)?.focus();
  }
}

class Card {
  #one;
  #lessons;
  #wishes;
  #name = make('input', { type: 'text', className: 'class-name', autocomplete: 'off', maxLength: 80 });
  #count = make('p', { className: 'detail muted class-count' });
  #record = make('button', { type: 'button', className: 'button small record', textContent: 'Hold to record' });
  #input = make('input', { type: 'file', className: 'visually-hidden', multiple: true, accept: 'image/*' });
  #drop = make('button', { type: 'button', className: 'button small', textContent: 'Remove' });
  #all = make('button', { type: 'button', className: 'button small', textContent: 'All' });
  #thumbs = make('ul', { className: 'thumbs' });
  #problem = make('p', { className: 'detail class-problem' });
  element;

  /**
   * @param {Class} one
   * @param {Lessons} lessons
   * @param {Wishes} wishes
   */
  constructor(one, lessons, wishes) {
    this.#one = one;
    this.#lessons = lessons;
    this.#wishes = wishes;
    this.#input.id = `class-files-${one.key}`;
    const files = make('label', { className: 'button small', htmlFor: this.#input.id, textContent: 'Files' });
    this.element = make(
      'li',
      { className: 'class' },
      make('div', { className: 'class-head' }, this.#name, this.#count),
      make('div', { className: 'choose' }, this.#record, this.#input, files, this.#all, this.#drop),
      this.#thumbs,
      this.#problem,
    );
    this.#name.addEventListener('change', () => this.#rename());
    this.#name.addEventListener('keydown', ({ key }) => key === 'Enter' && this.#name.blur());
    this.#input.addEventListener('change', () => {
      const found = chosenFiles(this.#input.files);
      this.#input.value = '';
      wishes.take(
        one,
        found.map(({ file }) => file),
      );
    });
    this.#drop.addEventListener('click', () => {
      const next = /** @type {HTMLElement | null} */ (this.element.nextElementSibling ?? this.element.previousElementSibling);
      lessons.drop(one);
      next?.querySelector('input')?.focus();
    });
    this.#all.addEventListener('click', () => wishes.open(one, null));
    this.#watchRecord();
    this.#watchDrops();
  }

  focus() {
    this.#name.focus();
    this.#name.select();
  }

  /** Holding records; what clicks without holding (a screen reader) takes one picture. */
  #watchRecord() {
    let held = false;
    const begin = () => {
      if (held) return;
      held = true;
      this.#record.classList.add('recording');
      this.#wishes.record(this.#one);
    };
    const end = () => {
      if (!held) return;
      held = false;
      this.#record.classList.remove('recording');
      this.#wishes.stopRecording(this.#one);
    };
    this.#record.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      // Some pointers have gone by now; then leaving the button ends it.
      try {
        this.#record.setPointerCapture(event.pointerId);
      } catch {}
      begin();
    });
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture', 'blur']) this.#record.addEventListener(name, end);
    this.#record.addEventListener('contextmenu', (event) => event.preventDefault()); // a long touch
    this.#record.addEventListener('keydown', (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      begin();
    });
    this.#record.addEventListener('keyup', ({ key }) => (key === ' ' || key === 'Enter') && end());
    this.#record.addEventListener('click', ({ detail }) => detail === 0 && this.#wishes.shoot(this.#one));
  }

  #watchDrops() {
    const { element } = this;
    element.addEventListener('dragover', (event) => {
      event.preventDefault();
      element.classList.add('aimed');
    });
    for (const name of ['dragleave', 'drop', 'dragend']) element.addEventListener(name, () => element.classList.remove('aimed'));
    element.addEventListener('drop', async (event) => {
      event.preventDefault();
      const data = event.dataTransfer;
      if (!data) return;
      const dragged = data.getData(DRAGGED);
      if (dragged) {
        const id = Number(dragged);
        if (this.#lessons.classOf(id)) this.#lessons.move([id], this.#one);
        return;
      }
      const found = await droppedFiles(data);
      this.#wishes.take(
        this.#one,
        found.map(({ file }) => file),
      );
    });
  }

  #rename() {
    const name = this.#name.value.trim();
    const other = this.#lessons.named(name);
    if (name === '' || (other && other !== this.#one)) {
      this.#problem.textContent = name === '' ? 'A class needs a name.' : `There is a class “${name}” already.`;
      this.#problem.hidden = false;
      this.#name.value = this.#one.name;
      return;
    }
    if (name !== this.#one.name) this.#lessons.rename(this.#one, name);
  }

  show() {
    const { name, ids, waiting, failed, problem } = this.#one;
    if (document.activeElement !== this.#name) this.#name.value = name;
    this.#name.ariaLabel = `Name of the class ${name}`;
    for (const [button, words] of /** @type {const} */ ([
      [this.#record, 'Hold to record'],
      [this.#all, 'All pictures'],
      [this.#drop, 'Remove the class'],
    ]))
      button.ariaLabel = `${words}: ${name}`;
    this.#input.ariaLabel = `Files: ${name}`;
    this.#thumbs.ariaLabel = `The last pictures of ${name}`;
    const count = `${ids.length} ${ids.length === 1 ? 'picture' : 'pictures'}`;
    this.#count.textContent = waiting > 0 ? `${count}, ${waiting} to come` : count;
    this.#all.hidden = ids.length === 0;
    this.#thumbs.hidden = ids.length === 0;
    this.#problem.hidden = failed.length === 0;
    if (failed.length > 0) {
      const names = failed.slice(0, 3).join(', ') + (failed.length > 3 ? ` and ${failed.length - 3} more` : '');
      this.#problem.textContent = `Left out, since ${failed.length === 1 ? 'it' : 'they'} could not be read: ${names}. ${problem}`;
    }
    this.#showThumbs(ids.slice(-SHOWN).reverse());
  }

  /** @param {readonly number[]} ids */
  #showThumbs(ids) {
    const had = new Map([...this.#thumbs.children].map((item) => [Number(/** @type {HTMLElement} */ (item).dataset['id']), item]));
    const items = ids.map((id) => had.get(id) ?? this.#thumb(id));
    for (const [id, item] of had) if (!ids.includes(id)) item.remove();
    for (const [i, item] of items.entries()) {
      if (this.#thumbs.children[i] !== item) this.#thumbs.insertBefore(item, this.#thumbs.children[i] ?? null);
      const button = /** @type {HTMLElement} */ (item.firstElementChild);
      button.ariaLabel = `Picture ${this.#one.ids.indexOf(/** @type {number} */ (ids[i])) + 1} of ${this.#one.name}: move or remove it`;
    }
  }

  /** @param {number} id */
  #thumb(id) {
    const button = make('button', { type: 'button', className: 'thumb' }, pictureOf(this.#lessons, id));
    button.addEventListener('click', () => this.#wishes.open(this.#one, id));
    const item = make('li', { draggable: true }, button);
    item.dataset['id'] = String(id);
    item.addEventListener('dragstart', (event) => {
      event.dataTransfer?.setData(DRAGGED, String(id));
      if (event.dataTransfer) event.dataTransfer.effectAllowed = 'move';
    });
    return item;
  }
}

/**
 * Returns an image of a picture's small copy.
 * @param {Lessons} lessons
 * @param {number} id
 */
export function pictureOf(lessons, id) {
  const image = make('img', { alt: '', draggable: false });
  const blob = lessons.thumbnail(id);
  if (!blob) {
    image.hidden = true;
    return make('span', { className: 'no-picture', textContent: 'no view' });
  }
  const address = URL.createObjectURL(blob);
  const done = () => URL.revokeObjectURL(address);
  image.addEventListener('load', done);
  image.addEventListener('error', done);
  image.src = address;
  return image;
}
