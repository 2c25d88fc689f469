// @ts-check
/** Masked image modelling: hide patches, and see what the model thinks is there. */
import { blockMask } from '../library.js';
import { embeddedUrl } from '../models/embedded.js';
import { make, part } from '../page/dom.js';
import { percent } from '../page/format.js';
import { patchGrid, seenRegion } from '../pictures/view.js';
import { Frame } from '../pictures/frame.js';
import { PicturePanel } from '../pictures/panel.js';
import { MaskEditor } from './mask-editor.js';
import { showViews } from './views.js';

/** @import { ForwardCallOptions, MaskedImageModelingPipeline, MaskedImagePrediction, PatchMask } from '../library.js' */
/** @import { Picture } from '../pictures/pictures.js' */

/** @extends {PicturePanel<MaskedImageModelingPipeline, MaskedImagePrediction>} */
export class MaskPanel extends PicturePanel {
  #frame;
  #editor;
  #ratio;
  /** The model whose grid the editor has. @type {MaskedImageModelingPipeline | null} */
  #use = null;
  #seed = 1;
  /** Whether the mask is not only what ratio and seed give. */
  #painted = false;

  /** @param {ConstructorParameters<typeof PicturePanel<MaskedImageModelingPipeline, MaskedImagePrediction>>[0]} parts */
  constructor(parts) {
    super(parts);
    const { root, model } = parts;
    this.#frame = new Frame(part(root, 'stage', HTMLElement));
    this.#editor = new MaskEditor(this.#frame, () => {
      this.#painted = true;
      void this.run();
    });
    this.#ratio = part(root, 'ratio', HTMLInputElement);
    this.#ratio.addEventListener('input', () => {
      part(root, 'ratio-text', HTMLOutputElement).value = `${this.#ratio.value} %`;
    });
    this.#ratio.addEventListener('change', () => this.#draw());
    part(root, 'blocks', HTMLButtonElement).addEventListener('click', () => {
      ++this.#seed;
      this.#draw();
    });
    part(root, 'clear', HTMLButtonElement).addEventListener('click', () => {
      const { mask } = this.#editor;
      if (!this.#use) return;
      this.#take(this.#use, { ...mask, data: new Uint8Array(mask.data.length) });
      this.#painted = true;
      void this.run();
    });
    model.addEventListener('change', () => this.#offer());
    this.#offer();
  }

  /**
   * @override
   * @param {Picture} picture
   */
  preview(picture) {
    this.#frame.show(picture);
    this.#editor.draw();
  }

  /**
   * @override
   * @param {MaskedImageModelingPipeline} use
   * @param {File | ImageBitmap} image
   * @param {ForwardCallOptions} call
   */
  work(use, image, call) {
    if (use !== this.#use) this.#begin(use);
    return use(image, { mask: this.#editor.mask, ...call });
  }

  /** @override */
  call() {
    const options = this.#painted ? { mask: this.#editor.mask } : { ratio: Number(this.#ratio.value) / 100, seed: this.#seed };
    const own = { source: embeddedUrl('mask'), more: { tokenizer: embeddedUrl('tokenizer') } };
    return { task: 'masked-image-modeling', name: 'predict', result: '{ predictions, tokens }', options, ...own };
  }

  /**
   * @override
   * @param {MaskedImagePrediction} result
   */
  answer(result) {
    const { mask, predictions, accuracy } = result;
    showViews(part(this.root, 'views', HTMLElement), result);
    const certainty = predictions.reduce((sum, { probability }) => sum + probability, 0) / (predictions.length || 1);
    const facts = [
      ['Hidden', `${predictions.length} of ${mask.data.length} patches`],
      ...(accuracy == null ? [] : [['Right tokens', percent(accuracy)]]),
      ...(predictions.length === 0 ? [] : [['Mean certainty', percent(certainty)]]),
    ];
    part(this.root, 'mask-facts', HTMLElement).replaceChildren(
      ...facts.map(([name = '', value = '']) => make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value }))),
    );
    part(this.root, 'no-tokenizer', HTMLElement).hidden = result.reconstruction !== undefined;
    return `${facts.map((fact) => fact.join(': ')).join('. ')}.`;
  }

  /** The tools need a model: the grid is the model's. */
  #offer() {
    const ready = this.model.state.kind === 'ready';
    for (const name of ['blocks', 'clear']) part(this.root, name, HTMLButtonElement).disabled = !ready;
    this.#ratio.disabled = !ready;
  }

  /** Hides random blocks. */
  #draw() {
    const { state } = this.model;
    if (state.kind !== 'ready') return;
    this.#begin(state.use);
    void this.run();
  }

  /** @param {MaskedImageModelingPipeline} use */
  #begin(use) {
    this.#use = use;
    this.#painted = false;
    const { rows, columns } = patchGrid(use, this.#frame.size);
    this.#take(use, blockMask({ height: rows, width: columns, ratio: Number(this.#ratio.value) / 100, seed: this.#seed }));
  }

  /**
   * @param {MaskedImageModelingPipeline} use
   * @param {PatchMask} mask
   */
  #take(use, mask) {
    this.#editor.take(mask, () => seenRegion(use.processor.config, this.#frame.size));
  }
}
