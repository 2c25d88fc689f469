// @ts-check
/** What a panel says in place of an answer: that it is busy, or what is in the way. */
import { announce, make } from './dom.js';
import { WAYS_OUT } from './sentences.js';

/** @import { Explanation, WayOut } from './sentences.js' */

let notices = 0;

export class Notice {
  #text = make('p', { id: `notice-${++notices}` });
  #bar = make('progress', { max: 1 });
  #stop = make('button', { type: 'button', className: 'button small', textContent: 'Cancel' });
  #busy = make('div', { className: 'notice busy', hidden: true }, this.#text, this.#bar, this.#stop);
  #sentence = make('p');
  #detail = make('p', { className: 'detail' });
  #action = make('button', { type: 'button', className: 'button primary small' });
  #problem = make('div', { className: 'notice problem', hidden: true }, this.#sentence, this.#detail, this.#action);
  /** @type {WayOut} */
  #wayOut = null;

  /**
   * @param {HTMLElement} root where the notice stands
   * @param {{ stop: () => void, takeWayOut: (way: Exclude<WayOut, null>) => void }} actions
   */
  constructor(root, { stop, takeWayOut }) {
    this.#bar.setAttribute('aria-labelledby', this.#text.id);
    this.#problem.setAttribute('role', 'alert');
    this.#stop.addEventListener('click', stop);
    this.#action.addEventListener('click', () => {
      if (this.#wayOut) takeWayOut(this.#wayOut);
    });
    root.append(this.#busy, this.#problem);
  }

  /**
   * Shows that something is going on.
   * @param {string} text
   * @param {number | null} share from 0 to 1; null while it is not known
   */
  busy(text, share) {
    this.#text.textContent = text;
    if (share === null) this.#bar.removeAttribute('value');
    else this.#bar.value = share;
    this.#problem.hidden = true;
    this.#busy.hidden = false;
  }

  /**
   * Shows what is in the way.
   * @param {Explanation} explanation
   */
  problem({ sentence, detail = '', wayOut, calm = false }) {
    this.#wayOut = wayOut;
    this.#problem.classList.toggle('calm', calm);
    this.#sentence.textContent = sentence;
    this.#detail.textContent = detail;
    this.#detail.hidden = detail === '';
    this.#action.hidden = wayOut === null;
    this.#action.textContent = wayOut ? WAYS_OUT[wayOut] : '';
    announce('');
    this.#busy.hidden = true;
    this.#problem.hidden = false;
  }

  /** Shows nothing. */
  clear() {
    this.#busy.hidden = this.#problem.hidden = true;
  }
}
