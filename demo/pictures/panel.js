// @ts-check
/** A tab that lets a model work on the picture: which of them is awaited, running, or in the way. */
import { announce, byId, part } from '../page/dom.js';
import { duration, megabytes } from '../page/format.js';
import { Notice } from '../page/notice.js';
import { LoadingTeller, WAITING } from '../page/progress.js';
import { explainAbsent, explainLoading, explainPicture } from '../page/sentences.js';
import { decodingWhereNeeded } from './pixels.js';

/** @import { ForwardCallOptions, MemoryUse } from '../library.js' */
/** @import { Model, Usable } from '../models/model.js' */
/** @import { Call } from '../page/code.js' */
/** @import { Explanation } from '../page/sentences.js' */
/** @import { Picture, Pictures } from './pictures.js' */

// A pass that is faster than this shows its answer and no progress: that would only flicker.
const PATIENCE_MS = 200;

/**
 * @template {Usable & { memory(): Promise<MemoryUse> }} T what the model is to the page
 * @template R what it makes of a picture
 */
export class PicturePanel {
  /** Whether the tab is the one that is seen. */
  active = false;
  #results;
  #answer;
  #notice;
  /** The pass that is running. @type {AbortController | null} */
  #pass = null;
  /** The picture and the model of the answer that stands. @type {{ picture: Picture, use: T } | null} */
  #answered = null;
  /** @type {Picture | null} */
  #previewed = null;
  #teller = new LoadingTeller();
  /** What the model made of the picture last. @type {R | null} */
  #result = null;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.root
   * @param {Model<T>} parts.model
   * @param {Pictures} parts.pictures
   */
  constructor({ root, model, pictures }) {
    this.root = root;
    this.model = model;
    this.pictures = pictures;
    this.#results = part(root, 'results', HTMLElement);
    this.#answer = part(root, 'answer', HTMLElement);
    this.#notice = new Notice(part(root, 'notice', HTMLElement), {
      stop: () => {
        this.#pass?.abort();
        model.stop();
      },
      takeWayOut: (way) => {
        if (way === 'choose') byId('file', HTMLInputElement).click();
        else if (way === 'models') location.hash = 'models';
        else if (way === 'restart') void model.restart();
        else if (way === 'again') void this.run();
        else void model.load();
      },
    });
    const code = part(root, 'code', HTMLDetailsElement);
    code.addEventListener('toggle', () => void this.#showCode());
    model.addEventListener('change', () => this.#follow());
    pictures.addEventListener('change', () => this.#take());
    pictures.addEventListener('refused', () => {
      if (this.active) this.explain({ sentence: pictures.refusal, wayOut: 'choose' });
    });
  }

  /** The tab is seen from now on: the model is wanted. */
  activate() {
    this.active = true;
    if (this.model.state.kind !== 'ready') this.#take();
    this.#follow();
    void this.model.load();
  }

  deactivate() {
    this.active = false;
  }

  /**
   * Lets the model work on an image. Implemented by each tab.
   * @param {T} _use
   * @param {File | ImageBitmap} _image
   * @param {ForwardCallOptions} _call
   * @returns {Promise<R>}
   */
  work(_use, _image, _call) {
    throw new Error('A tab says how it works.');
  }

  /**
   * Shows what the model made of the picture, and returns it as a sentence. Implemented by each tab.
   * @param {R} _result
   * @param {Picture} _picture
   * @returns {string}
   */
  answer(_result, _picture) {
    throw new Error('A tab says how it answers.');
  }

  /**
   * Shows a picture that there is no answer for yet. Implemented by each tab.
   * @param {Picture} _picture
   */
  preview(_picture) {
    throw new Error('A tab says how it shows a picture.');
  }

  /**
   * Returns the call that the tab makes of its pipeline, for who wants to make it, too. Implemented by each tab.
   * @returns {Call}
   */
  call() {
    throw new Error('A tab says what it calls.');
  }

  async #showCode() {
    const code = part(this.root, 'code', HTMLDetailsElement);
    if (!code.open) return;
    const { showCode } = await import('../page/code.js');
    showCode(code, { call: this.call(), chosen: this.model.chosen, options: this.model.options, result: this.#result });
  }

  /** Works on the current picture, anew if need be. The newest picture is the one that is wanted. */
  async run() {
    const { state } = this.model;
    const picture = this.pictures.current;
    if (state.kind !== 'ready' || !picture || !this.active) return;
    this.#pass?.abort();
    const pass = (this.#pass = new AbortController());
    const { signal } = pass;
    const { use } = state;
    let [text, share] = ['Looking at the picture …', /** @type {number | null} */ (null)];
    let patient = true;
    const tell = () => {
      if (!patient && !signal.aborted) this.#busy(text, share);
    };
    const patience = setTimeout(() => {
      patient = false;
      tell();
    }, PATIENCE_MS);
    this.#results.setAttribute('aria-busy', 'true');
    const start = performance.now();
    try {
      const result = await decodingWhereNeeded(picture.file, (image) =>
        this.work(use, image, {
          signal,
          onStep: (done, total) => {
            share = done / total;
            tell();
          },
        }),
      );
      // The answer stands from here on: what is told while the memory is asked for would hide it.
      clearTimeout(patience);
      if (signal.aborted) throw signal.reason;
      this.#answered = { picture, use };
      part(this.root, 'fact-time', HTMLElement).textContent = duration(performance.now() - start);
      this.#result = result;
      const sentence = this.answer(result, picture);
      void this.#showCode();
      this.#show(this.#answer);
      announce(sentence);
      part(this.root, 'fact-memory', HTMLElement).textContent = megabytes((await use.memory()).heap);
    } catch (error) {
      // A model that was given back meanwhile has another in its place, which begins anew.
      const stands = this.model.state.kind === 'ready' && this.model.state.use === use;
      if (pass === this.#pass && stands)
        this.explain(signal.aborted ? { sentence: 'Stopped.', wayOut: 'again', calm: true } : explainPicture(error));
    } finally {
      clearTimeout(patience);
      if (pass === this.#pass) {
        this.#pass = null;
        this.#results.removeAttribute('aria-busy');
      }
    }
  }

  /** @param {Explanation} explanation */
  explain(explanation) {
    this.#notice.problem(explanation);
    this.#show(null);
  }

  /** Shows the answer's place, which the tab fills by itself. */
  showAnswer() {
    this.#show(this.#answer);
  }

  #take() {
    const picture = this.pictures.current;
    if (!this.active || !picture) return;
    if (this.#previewed !== picture) {
      this.#previewed = picture;
      this.preview(picture);
    }
    const { state } = this.model;
    if (state.kind !== 'ready') return;
    if (this.#answered?.picture !== picture || this.#answered.use !== state.use) void this.run();
  }

  #follow() {
    const { state, task } = this.model;
    this.#tellModel();
    if (!this.active) return;
    switch (state.kind) {
      case 'loading': {
        if (!state.progress) this.#teller = new LoadingTeller();
        const { text, share } = state.waiting ? WAITING : this.#teller.tell(state.progress);
        this.#busy(text, share);
        break;
      }
      case 'ready':
        if (this.pictures.current) this.#take();
        else if (this.pictures.refusal) this.explain({ sentence: this.pictures.refusal, wayOut: 'choose' });
        else this.explain({ sentence: 'The model is ready: give it a picture.', wayOut: 'choose', calm: true });
        break;
      case 'absent':
        this.explain(explainAbsent(task));
        break;
      case 'stopped':
        this.explain({ sentence: 'Loading was cancelled.', wayOut: 'load', calm: true });
        break;
      case 'failed':
        this.explain(explainLoading(state.error));
        break;
      case 'idle':
        break;
    }
  }

  #tellModel() {
    const line = part(this.root, 'model-line', HTMLElement);
    const { state, chosen } = this.model;
    line.hidden = state.kind !== 'ready';
    line.textContent = chosen ? `Model: ${chosen.name}.` : 'Model: the small one that comes with this page, trained on drawn scenes.';
    part(this.root, 'caveat', HTMLElement).hidden = chosen !== null;
  }

  /**
   * @param {string} text
   * @param {number | null} share
   */
  #busy(text, share) {
    this.#notice.busy(text, share);
    this.#show(null);
  }

  /** @param {HTMLElement | null} answer null: the notice in its place */
  #show(answer) {
    this.#answer.hidden = answer === null;
    if (answer) this.#notice.clear();
  }
}
