// @ts-check
/** Classification: a picture goes in, its labels come out; one picture, or two beside each other. */
import { part } from '../page/dom.js';
import { Frame } from '../pictures/frame.js';
import { PicturePanel } from '../pictures/panel.js';
import { AttentionView } from './attention.js';
import { showBars, spoken } from './bars.js';
import { cosine, see, showPairs } from './compare.js';

/** @import { Classification, ForwardCallOptions, ImageClassificationPipeline } from '../library.js' */
/** @import { Picture } from '../pictures/pictures.js' */
/** @import { Seen } from './compare.js' */

const LABELS_SHOWN = 5;

/** @typedef {'a' | 'b'} Slot */

/** @extends {PicturePanel<ImageClassificationPipeline, Classification[] | Seen>} */
export class ClassifyPanel extends PicturePanel {
  #frames;
  #attention;
  #comparing = false;
  /** Where the next picture goes. @type {Slot} */
  #slot = 'a';
  /** @type {Record<Slot, Seen | null>} */
  #seen = { a: null, b: null };
  /** The slot of the picture that is worked on. @type {Slot} */
  #target = 'a';
  /** @type {ImageClassificationPipeline | null} */
  #use = null;
  #radios;

  /** @param {ConstructorParameters<typeof PicturePanel<ImageClassificationPipeline, Classification[] | Seen>>[0]} parts */
  constructor(parts) {
    super(parts);
    const { root } = parts;
    this.#frames = { a: new Frame(part(root, 'stage', HTMLElement)), b: new Frame(part(root, 'stage-b', HTMLElement)) };
    this.#attention = new AttentionView(root, this.#frames.a);
    const compare = part(root, 'compare', HTMLButtonElement);
    compare.addEventListener('click', () => this.#compare(!this.#comparing));
    this.#radios = /** @type {HTMLInputElement[]} */ ([...root.querySelectorAll('input[name="slot"]')]);
    for (const radio of this.#radios) radio.addEventListener('change', () => this.#aim(/** @type {Slot} */ (radio.value)));
  }

  /**
   * @override
   * @param {Picture} picture
   */
  preview(picture) {
    this.#attention.look(null);
    this.#target = this.#slot;
    this.#frames[this.#target].show(picture);
  }

  /**
   * @override
   * @param {ImageClassificationPipeline} use
   * @param {File | ImageBitmap} image
   * @param {ForwardCallOptions} call
   */
  work(use, image, call) {
    // What another model saw cannot be compared.
    if (use !== this.#use) this.#seen = { a: null, b: null };
    this.#use = use;
    return this.#comparing ? see(use, image, call) : use(image, { topK: LABELS_SHOWN, ...call });
  }

  /** @override */
  call() {
    return { task: 'image-classification', name: 'classify', result: 'labels', options: { topK: LABELS_SHOWN } };
  }

  /**
   * @override
   * @param {Classification[] | Seen} result
   * @param {Picture} picture
   */
  answer(result, picture) {
    if (Array.isArray(result)) {
      showBars(part(this.root, 'labels', HTMLOListElement), result);
      this.#show('labels');
      if (this.#use) this.#attention.look({ picture, use: this.#use });
      return spoken(result);
    }
    this.#seen[this.#target] = result;
    const { a, b } = this.#seen;
    if (!a || !b) {
      showBars(part(this.root, 'labels', HTMLOListElement), result.labels.slice(0, LABELS_SHOWN));
      this.#show('labels');
      this.#aim(a ? 'b' : 'a');
      return `${spoken(result.labels)} Now choose the other picture.`;
    }
    showPairs(part(this.root, 'pair-labels', HTMLOListElement), a, b, LABELS_SHOWN);
    const sentence = `The features of the two pictures have a cosine of ${cosine(a.features, b.features).toFixed(2)}: 1 is the same.`;
    part(this.root, 'likeness', HTMLElement).textContent = sentence;
    this.#show('pair');
    return sentence;
  }

  /** @param {boolean} on */
  #compare(on) {
    this.#comparing = on;
    this.#seen = { a: null, b: null };
    this.root.classList.toggle('comparing', on);
    part(this.root, 'compare', HTMLButtonElement).setAttribute('aria-pressed', String(on));
    for (const name of ['stage-b', 'slots']) part(this.root, name, HTMLElement).hidden = !on;
    part(this.root, 'attention', HTMLElement).hidden = on;
    this.#aim('a');
    this.#target = 'a';
    this.#attention.look(null);
    const { current } = this.pictures;
    if (current) this.#frames.a.show(current);
    void this.run();
  }

  /** @param {Slot} slot */
  #aim(slot) {
    this.#slot = slot;
    for (const radio of this.#radios) radio.checked = radio.value === slot;
  }

  /** @param {'labels' | 'pair'} shown */
  #show(shown) {
    for (const name of ['labels', 'pair']) part(this.root, name, HTMLElement).hidden = name !== shown;
  }
}
