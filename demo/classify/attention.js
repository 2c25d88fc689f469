// @ts-check
/** The attention view: which layer and head, seen from where, over the picture. */
import { make, part } from '../page/dom.js';
import { factsOf } from '../page/sentences.js';
import { patchGrid, seenRegion } from '../pictures/view.js';
import { decodingWhereNeeded } from '../pictures/pixels.js';
import { drawAttention, markPatch } from './attention-overlay.js';
import { attentionOf, queryOf, rolloutOf } from './rollout.js';

/** @import { ImageClassificationPipeline, Tensor } from '../library.js' */
/** @import { Frame } from '../pictures/frame.js' */
/** @import { Picture } from '../pictures/pictures.js' */

/** @typedef {{ picture: Picture, use: ImageClassificationPipeline }} Subject */

// All layers' attention is held at once: a large model's at a high resolution would not fit in a tab.
const MOST_BYTES = 600e6;

export class AttentionView {
  #view;
  #layer;
  #head;
  #note;
  #frame;
  #root;
  /** @type {Subject | null} */
  #subject = null;
  /** Attention of the subject, once it was asked for. @type {Promise<Tensor[]> | null} */
  #attentions = null;
  /** The patch that was pointed at. @type {number | null} */
  #patch = null;

  /**
   * @param {HTMLElement} root the Classify panel
   * @param {Frame} frame
   */
  constructor(root, frame) {
    this.#root = root;
    this.#frame = frame;
    this.#view = part(root, 'attention-view', HTMLSelectElement);
    this.#layer = part(root, 'attention-layer', HTMLSelectElement);
    this.#head = part(root, 'attention-head', HTMLSelectElement);
    this.#note = part(root, 'attention-note', HTMLElement);
    for (const select of [this.#view, this.#layer, this.#head]) select.addEventListener('change', () => void this.draw());
    const { element } = frame;
    element.addEventListener('click', (event) => this.#point(event));
    element.addEventListener('keydown', (event) => this.#move(event));
  }

  /**
   * Looks at another picture, or with another model; null: at none.
   * @param {Subject | null} subject
   */
  look(subject) {
    if (subject && this.#subject?.use !== subject.use) this.#offer(subject.use);
    this.#subject = subject;
    this.#attentions = null;
    this.#patch = null;
    void this.draw();
  }

  /** Draws what is chosen. */
  async draw() {
    const view = this.#view.value;
    const off = view === 'off' || !this.#subject;
    part(this.#root, 'layer-field', HTMLElement).hidden = part(this.#root, 'head-field', HTMLElement).hidden = view !== 'layer';
    this.#note.hidden = off;
    this.#frame.element.classList.toggle('pointable', !off);
    this.#frame.element.tabIndex = off ? -1 : 0;
    if (off || !this.#subject) {
      this.#frame.overlay.hidden = true;
      this.#frame.element.removeAttribute('role');
      this.#frame.element.removeAttribute('aria-label');
      return;
    }
    this.#frame.element.setAttribute('role', 'application');
    this.#frame.element.setAttribute(
      'aria-label',
      'Attention over the picture: arrow keys choose a patch to look from, Escape looks from everywhere',
    );
    const subject = this.#subject;
    try {
      this.#attentions ??= attentionsOf(subject);
      const attentions = await this.#attentions;
      if (subject === this.#subject && this.#view.value === view) this.#paint(attentions, subject.use);
    } catch (error) {
      if (subject === this.#subject) this.#note.textContent = `Attention cannot be shown: ${factsOf(error).message}`;
    }
  }

  /**
   * @param {Tensor[]} attentions
   * @param {ImageClassificationPipeline} use
   */
  #paint(attentions, use) {
    const { config } = use.model;
    const tokens = attentions[0]?.dims[2] ?? 1;
    const query = queryOf(tokens, this.#patch ?? (config.useMeanPooling ? 'patches' : 'class'));
    const layer = Number(this.#layer.value);
    const chosen = attentions[layer];
    const head = this.#head.value === 'mean' ? 'mean' : Number(this.#head.value);
    const weights = this.#view.value === 'rollout' || !chosen ? rolloutOf(attentions, query) : attentionOf(chosen, head, query);
    const grid = patchGrid(use, this.#frame.size);
    const region = seenRegion(use.processor.config, this.#frame.size);
    drawAttention(this.#frame.overlay, weights.subarray(1), grid, region);
    if (this.#patch !== null) markPatch(this.#frame.overlay, this.#patch, grid, region);
    const from =
      this.#patch !== null
        ? `the patch in row ${Math.floor(this.#patch / grid.columns) + 1}, column ${(this.#patch % grid.columns) + 1}`
        : config.useMeanPooling
          ? 'all patches together'
          : 'the class token';
    this.#note.textContent = `Bright is what is looked at from ${from}. Click a patch to look from there.`;
  }

  /** @param {MouseEvent} event */
  #point(event) {
    const { use } = this.#subject ?? {};
    if (!use || this.#view.value === 'off') return;
    const box = this.#frame.element.getBoundingClientRect();
    const region = seenRegion(use.processor.config, this.#frame.size);
    const { rows, columns } = patchGrid(use, this.#frame.size);
    const column = Math.floor((((event.clientX - box.left) / box.width - region.left) / region.width) * columns);
    const row = Math.floor((((event.clientY - box.top) / box.height - region.top) / region.height) * rows);
    const inside = column >= 0 && column < columns && row >= 0 && row < rows;
    const patch = row * columns + column;
    this.#patch = inside && patch !== this.#patch ? patch : null;
    void this.draw();
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const { use } = this.#subject ?? {};
    if (!use || this.#view.value === 'off') return;
    const { rows, columns } = patchGrid(use, this.#frame.size);
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === 'Escape') this.#patch = null;
    else if (step) {
      const at = this.#patch ?? Math.floor(rows / 2) * columns + Math.floor(columns / 2);
      const clamp = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(Math.max(value, 0), most - 1);
      const row = clamp(Math.floor(at / columns) + (step[0] ?? 0), rows);
      const column = clamp((at % columns) + (step[1] ?? 0), columns);
      this.#patch = row * columns + column;
    } else return;
    event.preventDefault();
    void this.draw();
  }

  /** @param {ImageClassificationPipeline} use */
  #offer(use) {
    const { numHiddenLayers, numAttentionHeads } = use.model.config;
    const numbered = (/** @type {number} */ count) =>
      Array.from({ length: count }, (_, i) => make('option', { value: String(i), textContent: String(i + 1) }));
    this.#layer.replaceChildren(...numbered(numHiddenLayers));
    this.#layer.value = String(numHiddenLayers - 1);
    this.#head.replaceChildren(make('option', { value: 'mean', textContent: 'mean of all' }), ...numbered(numAttentionHeads));
  }
}

/**
 * Returns every layer's attention over the picture, (1, H, T, T) each.
 * @param {Subject} subject
 */
async function attentionsOf({ picture, use }) {
  const { numHiddenLayers, numAttentionHeads, patchSize } = use.model.config;
  return decodingWhereNeeded(picture.file, async (image) => {
    const { pixelValues } = await use.processor.preprocess(image);
    const [, , height = 0, width = 0] = pixelValues.dims;
    const tokens = Math.floor(height / patchSize.height) * Math.floor(width / patchSize.width) + 1;
    const bytes = 4 * numHiddenLayers * numAttentionHeads * tokens ** 2;
    if (bytes > MOST_BYTES) throw new Error(`all of this model's attention would take ${Math.round(bytes / 1e6)} MB.`);
    const { attentions } = await use.model.forward({ pixelValues }, { outputAttentions: true });
    return attentions ?? [];
  });
}
