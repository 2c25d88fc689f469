// @ts-check
/** Segmentation: what is where in a picture, or in front of the camera. */
import { contextOf, make, part } from '../page/dom.js';
import { duration, percent } from '../page/format.js';
import { explainPicture, explainTab } from '../page/sentences.js';
import { Frame } from '../pictures/frame.js';
import { PicturePanel } from '../pictures/panel.js';
import { drawLabels, pictureWithLabels } from './label-overlay.js';
import { Legend } from './legend.js';
import { Live } from '../pictures/live.js';

/** @import { ForwardCallOptions, ImageSegmentationPipeline, Segmentation } from '../library.js' */
/** @import { Picture } from '../pictures/pictures.js' */

/** @extends {PicturePanel<ImageSegmentationPipeline, Segmentation>} */
export class SegmentPanel extends PicturePanel {
  #frame;
  #legend;
  #live = new Live((frame) => this.#liveFrame(frame));
  /** The camera's frame that the labels belong to. */
  #still = make('canvas', { className: 'picture', hidden: true });
  /** @type {Segmentation | null} */
  #segmentation = null;
  #drawn = Promise.resolve();
  #opacity;
  /** @type {import('./strokes/strokes.js').Strokes | null} */
  #strokes = null;
  /** @type {Promise<import('./strokes/strokes.js').Strokes> | null} */
  #opening = null;
  #teaching = false;
  /** Nobody sees what the camera sees. */
  #hide = () => {
    if (document.visibilityState === 'hidden') this.#endLive();
  };

  /** @param {ConstructorParameters<typeof PicturePanel<ImageSegmentationPipeline, Segmentation>>[0]} parts */
  constructor(parts) {
    super(parts);
    const { root } = parts;
    this.#frame = new Frame(part(root, 'stage', HTMLElement));
    this.#frame.overlay.before(this.#still);
    this.#legend = new Legend(part(root, 'legend', HTMLUListElement), () => this.#draw());
    this.#opacity = part(root, 'opacity', HTMLInputElement);
    this.#opacity.addEventListener('input', () => this.#fade());
    part(root, 'save', HTMLButtonElement).addEventListener('click', () => void this.#save());
    part(root, 'live', HTMLButtonElement).addEventListener('click', () => void this.#toggleLive());
    part(root, 'teach', HTMLButtonElement).addEventListener('click', () => void this.#toggleTeaching());
    const { element } = this.#frame;
    element.addEventListener('pointermove', (event) => this.#point(this.#idAt(event)));
    element.addEventListener('pointerleave', () => this.#point(null));
    element.addEventListener('click', (event) => {
      const id = this.#teaching ? null : this.#idAt(event);
      if (id !== null) this.#legend.isolate(id);
    });
  }

  /** @override */
  activate() {
    super.activate();
    document.addEventListener('visibilitychange', this.#hide);
  }

  /** @override */
  deactivate() {
    document.removeEventListener('visibilitychange', this.#hide);
    super.deactivate();
    this.#endLive();
  }

  /**
   * @override
   * @param {Picture} picture
   */
  preview(picture) {
    this.#endLive();
    this.#segmentation = null;
    this.#legend.alone = null;
    part(this.root, 'save', HTMLButtonElement).disabled = true;
    this.#still.hidden = true;
    this.#frame.image.hidden = false;
    this.#frame.show(picture);
    this.#strokes?.wait();
  }

  /**
   * @override
   * @param {ImageSegmentationPipeline} use
   * @param {File | ImageBitmap} image
   * @param {ForwardCallOptions} call
   */
  work(use, image, call) {
    const picture = this.pictures.current;
    if (!this.#teaching || !this.#strokes || !picture) return use(image, call);
    return this.#strokes.work(use, image, call, `${picture.name}, ${picture.file.size} bytes`);
  }

  /** @override */
  call() {
    return { task: 'image-segmentation', name: 'segment', result: '{ legend, labels, width, height }', options: {} };
  }

  /**
   * @override
   * @param {Segmentation} result
   */
  answer(result) {
    this.#display(result);
    part(this.root, 'save', HTMLButtonElement).disabled = false;
    return `${result.legend.map(({ label, share }) => `${label}, ${percent(share)}`).join('. ')}.`;
  }

  /** Lets labels be painted, or not any more. */
  async #toggleTeaching() {
    const button = part(this.root, 'teach', HTMLButtonElement);
    this.#teaching = !this.#teaching;
    button.setAttribute('aria-pressed', String(this.#teaching));
    this.#endLive();
    this.#legend.alone = null;
    if (this.#teaching && !this.#strokes) {
      try {
        this.#strokes = await (this.#opening ??= this.#openStrokes());
      } catch (error) {
        this.#opening = null;
        this.explain(explainTab(error));
        this.#teaching = false;
        button.setAttribute('aria-pressed', 'false');
        return;
      }
    }
    this.#strokes?.toggle(this.#teaching);
    part(this.root, 'code', HTMLElement).hidden = this.#teaching;
    void this.run();
  }

  async #openStrokes() {
    const { Strokes } = await import('./strokes/strokes.js');
    return Strokes.open(
      { before: part(this.root, 'live-facts', HTMLElement), frame: this.#frame, model: this.model },
      {
        answer: (segmentation) => {
          if (!this.active || !this.#teaching) return;
          this.#display(segmentation);
          this.showAnswer();
        },
        again: () => void this.run(),
      },
    );
  }

  /** @param {Segmentation} segmentation */
  #display(segmentation) {
    this.#segmentation = segmentation;
    this.#legend.show(segmentation.legend);
    this.#draw();
  }

  #draw() {
    if (!this.#segmentation) return;
    this.#drawn = drawLabels(this.#frame.overlay, this.#segmentation, this.#legend.alone);
    this.#fade();
  }

  /** How strong the labels are; alone, a label is to be seen whatever the slider says. */
  #fade() {
    this.#frame.overlay.style.setProperty('opacity', String(this.#strength()));
  }

  #strength() {
    return this.#legend.alone === null ? Number(this.#opacity.value) / 100 : 0.85;
  }

  /**
   * Returns the class under the pointer, or null.
   * @param {MouseEvent} event
   */
  #idAt({ clientX, clientY }) {
    if (!this.#segmentation) return null;
    const { width, height, labels } = this.#segmentation;
    const box = this.#frame.element.getBoundingClientRect();
    const x = Math.floor(((clientX - box.left) / box.width) * width);
    const y = Math.floor(((clientY - box.top) / box.height) * height);
    return x >= 0 && x < width && y >= 0 && y < height ? (labels[y * width + x] ?? null) : null;
  }

  /** @param {number | null} id */
  #point(id) {
    this.#legend.point(id);
    const entry = this.#segmentation?.legend.find((other) => other.id === id);
    part(this.root, 'pointed', HTMLElement).textContent = entry ? `${entry.label}, ${percent(entry.share)} of the picture` : '';
  }

  async #save() {
    const picture = this.pictures.current;
    if (!picture || !this.#segmentation) return;
    await this.#drawn;
    const shown = this.#still.hidden ? this.#frame.image : this.#still;
    const png = await pictureWithLabels(shown, this.#frame.overlay, this.#strength());
    const link = make('a', {
      href: URL.createObjectURL(png),
      download: `${picture.name.replace(/\.\w+$/, '').replaceAll(' ', '-')}-labels.png`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  async #toggleLive() {
    const { state } = this.model;
    if (this.#live.running) {
      this.#endLive();
      return;
    }
    if (state.kind !== 'ready') {
      this.activate();
      return;
    }
    try {
      await this.#live.start((error) => {
        this.#endLive();
        this.explain(explainPicture(error));
      });
    } catch (error) {
      this.explain({ sentence: /** @type {Error} */ (error).message, wayOut: 'choose' });
      return;
    }
    if (!this.#live.running) return; // it was not wanted any more when it came
    this.#strokes?.wait();
    part(this.root, 'live', HTMLButtonElement).setAttribute('aria-pressed', 'true');
    part(this.root, 'live-facts', HTMLElement).hidden = false;
  }

  #endLive() {
    this.#live.stop();
    part(this.root, 'live', HTMLButtonElement).setAttribute('aria-pressed', 'false');
  }

  /** @param {ImageBitmap} frame */
  async #liveFrame(frame) {
    const { state } = this.model;
    if (state.kind !== 'ready') return;
    const start = performance.now();
    const segmentation = await (this.#teaching && this.#strokes ? this.#strokes.glance(state.use, frame) : state.use(frame));
    if (!this.#live.running) return;
    const { width, height } = segmentation;
    // The frame that the labels belong to, not the one that the camera sees by now.
    Object.assign(this.#still, { width, height, hidden: false });
    contextOf(this.#still).drawImage(frame, 0, 0, width, height);
    this.#frame.image.hidden = true;
    this.#frame.element.hidden = false;
    this.#frame.proportion(width, height);
    this.#display(segmentation);
    this.showAnswer();
    part(this.root, 'save', HTMLButtonElement).disabled = false;
    part(this.root, 'fact-time', HTMLElement).textContent = duration(performance.now() - start);
    const { shown, dropped, perSecond } = this.#live.count;
    part(this.root, 'live-facts', HTMLElement).textContent =
      `${perSecond.toFixed(1)} frames a second; ${shown} shown, ${dropped} dropped while one was worked on.`;
  }
}
