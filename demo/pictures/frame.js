// @ts-check
/** A picture in a stage, at its own proportions, with a canvas laid over it. */
import { make, part } from '../page/dom.js';

/** @import { Picture } from './pictures.js' */

export class Frame {
  image = make('img', { className: 'picture', alt: '' });
  /** Covers the picture; its own size is its owner's affair. */
  overlay = make('canvas', { className: 'overlay', hidden: true });
  element = make('div', { className: 'frame', hidden: true }, this.image, this.overlay);
  #text;

  /** @param {HTMLElement} stage has a part stage-text, shown while there is no picture */
  constructor(stage) {
    this.#text = part(stage, 'stage-text', HTMLElement);
    this.overlay.setAttribute('aria-hidden', 'true');
    stage.append(this.element);
    this.image.addEventListener('load', () => this.proportion(this.image.naturalWidth, this.image.naturalHeight));
    this.image.addEventListener('error', () => {
      this.element.hidden = true;
      this.#text.hidden = false;
      this.#text.textContent = `${this.image.alt}: this browser cannot show it.`;
    });
  }

  /** @param {Picture} picture */
  show({ file, name }) {
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.image.src = URL.createObjectURL(file);
    this.image.alt = name;
    this.overlay.hidden = true;
    this.element.hidden = false;
    this.#text.hidden = true;
  }

  /** The picture's own, in pixels; of none that is shown yet a square. */
  get size() {
    return { width: this.image.naturalWidth || 1, height: this.image.naturalHeight || 1 };
  }

  /**
   * Gives the frame these proportions.
   * @param {number} width
   * @param {number} height
   */
  proportion(width, height) {
    // The object model of styles may do what style attributes may not under a strict policy.
    this.element.style.setProperty('--ratio', String(width / height));
  }
}
