// @ts-check
/** The card Improve, until somebody uses it: what trains comes with the first click, or where a run was kept. */
import { part } from '../page/dom.js';
import { factsOf } from '../page/sentences.js';

/** @import { ModelOptions } from '../library.js' */
/** @import { ImproveCard } from './improve/improvement.js' */
/** @import { Lessons } from './lessons.js' */

const FOLDER = 'beit-wasm-improve';

// With fewer, those set apart tell nothing.
const FEWEST = 10;

export class Improving {
  #root;
  #lessons;
  #options;
  #folder;
  /** @type {Promise<ImproveCard> | null} */
  #opening = null;
  /** @type {ImproveCard | null} */
  #card = null;
  #restored = false;

  /**
   * @param {HTMLElement} root
   * @param {Lessons} lessons
   * @param {{ options: () => ModelOptions, keeps: boolean }} how models are run; whether this page may keep anything
   */
  constructor(root, lessons, { options, keeps }) {
    this.#root = root;
    this.#lessons = lessons;
    this.#options = options;
    this.#folder = keeps ? FOLDER : null;
    part(root, 'improve-begin', HTMLButtonElement).addEventListener('click', () => void this.#begin());
  }

  /** Goes on with a run that was kept; once it could be taken up, not again. */
  async restore() {
    if (this.#restored) return;
    this.#restored = true;
    if (!(await isKept(this.#folder))) return;
    const card = await this.#open();
    // Before the card came, all may have been forgotten.
    if (card && !(await isKept(this.#folder))) return;
    this.#restored = card !== null && (await card.restore());
  }

  /** Pictures are other ones. */
  show() {
    const { classes, waiting, fit } = this.#lessons;
    const filled = classes.filter(({ ids }) => ids.length > 0);
    const enough = filled.length > 1 && filled.every(({ ids }) => ids.length >= FEWEST);
    const card = part(this.#root, 'improve', HTMLElement);
    const note = part(this.#root, 'improve-hint', HTMLElement);
    card.hidden = fit?.accuracy == null && (this.#card?.empty ?? true);
    note.hidden = enough;
    note.textContent = `From ${FEWEST} pictures of each class on it can be tried.`;
    part(this.#root, 'improve-begin', HTMLButtonElement).disabled = !enough || waiting > 0;
    this.#card?.show();
  }

  /** Stops, and forgets all that was trained, also where no card has come to show it. */
  async forget() {
    if (this.#card) await this.#card.forget();
    else await forgetKept(this.#folder);
    this.show();
  }

  async #begin() {
    const button = part(this.#root, 'improve-begin', HTMLButtonElement);
    button.disabled = true;
    const card = await this.#open();
    button.disabled = false;
    card?.begin();
  }

  /** @returns {Promise<ImproveCard | null>} */
  async #open() {
    this.#opening ??= import('./improve/improvement.js').then(
      ({ ImproveCard }) => new ImproveCard(part(this.#root, 'improve', HTMLElement), this.#lessons, this.#options, this.#folder),
    );
    try {
      this.#card = await this.#opening;
      return this.#card;
    } catch (error) {
      this.#opening = null;
      const note = part(this.#root, 'improve-hint', HTMLElement);
      note.hidden = false;
      note.textContent = `What trains did not come. Is the server there? ${factsOf(error).message}`;
      return null;
    }
  }
}

/** @param {string | null} folder */
async function forgetKept(folder) {
  if (folder === null) return;
  const home = await navigator.storage.getDirectory();
  await home.removeEntry(folder, { recursive: true }).catch(() => undefined);
}

/** @param {string | null} folder */
async function isKept(folder) {
  if (folder === null) return false;
  try {
    await (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
    return true;
  } catch {
    return false;
  }
}
