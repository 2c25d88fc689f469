// @ts-check
/** Classification: a picture goes in, its labels come out. */
import { showBars, spoken } from './bars.js';
import { byId } from './dom.js';
import { duration, megabytes } from './format.js';
import { watchForPictures } from './intake.js';
import { decodingWhereNeeded } from './pixels.js';
import { showProgress, showStep } from './progress.js';
import { markSample, showSamples } from './samples.js';
import { WAYS_OUT, explainLoading, explainPicture } from './sentences.js';

/** @import { Classification } from './library.js' */
/** @import { Model } from './model.js' */
/** @import { Picture } from './samples.js' */
/** @import { Explanation, WayOut } from './sentences.js' */

// A pass that is faster than this shows its answer and no progress: that would only flicker.
const PATIENCE_MS = 200;
const LABELS_SHOWN = 5;

const results = byId('results', HTMLElement);
const loading = byId('loading', HTMLElement);
const loadingText = byId('loading-text', HTMLElement);
const loadingBar = byId('loading-bar', HTMLProgressElement);
const problem = byId('problem', HTMLElement);
const problemText = byId('problem-text', HTMLElement);
const problemDetail = byId('problem-detail', HTMLElement);
const problemAction = byId('problem-action', HTMLButtonElement);
const answer = byId('answer', HTMLElement);
const labelList = byId('labels', HTMLOListElement);
const image = byId('picture', HTMLImageElement);
const stage = byId('stage', HTMLElement);
const stageText = byId('stage-text', HTMLElement);
const fileInput = byId('file', HTMLInputElement);
const announcer = byId('announcer', HTMLElement);

/** Wires the panel to `model`, and begins with the first sample. */
export class ClassifyPanel {
  #model;
  /** @type {Picture | null} */
  #picture = null;
  /** The pass that is running. @type {AbortController | null} */
  #pass = null;
  /** @type {WayOut} */
  #wayOut = null;

  /** @param {Model} model */
  constructor(model) {
    this.#model = model;
    model.addEventListener('change', () => this.#follow());
    watchForPictures({
      input: fileInput,
      stage,
      take: (file) => this.take({ file, name: file.name }),
      refuse: (sentence) => this.#explain({ sentence, wayOut: null }),
    });
    byId('loading-stop', HTMLButtonElement).addEventListener('click', () => this.#stop());
    problemAction.addEventListener('click', () => this.#takeWayOut());
    image.addEventListener('error', () => this.#withoutPreview());
    void showSamples(byId('samples', HTMLUListElement), (picture) => this.take(picture)).then((first) => {
      if (first && !this.#picture) this.take(first);
    });
  }

  /**
   * Shows a picture and classifies it, as soon as the model is ready.
   * @param {Picture} picture
   */
  take(picture) {
    this.#picture = picture;
    this.#preview(picture);
    markSample(picture);
    if (this.#model.state.kind === 'ready') void this.#classify();
    else void this.#model.load();
  }

  #follow() {
    const { state } = this.#model;
    switch (state.kind) {
      case 'loading':
        showProgress(loadingText, loadingBar, state.progress);
        this.#show(loading);
        break;
      case 'ready':
        if (this.#picture) void this.#classify();
        else this.#wait();
        break;
      case 'stopped':
        this.#explain({ sentence: 'Loading was cancelled.', wayOut: 'load', calm: true });
        break;
      case 'failed':
        this.#explain(explainLoading(state.error));
        break;
      case 'idle':
        break;
    }
  }

  async #classify() {
    const { state } = this.#model;
    const picture = this.#picture;
    if (state.kind !== 'ready' || !picture) return;
    // The newest picture is the one that is wanted.
    this.#pass?.abort();
    const pass = this.#pass = new AbortController();
    const { signal } = pass;
    const patience = setTimeout(() => this.#show(loading), PATIENCE_MS);
    results.setAttribute('aria-busy', 'true');
    showStep(loadingText, loadingBar, 0, 0);
    const start = performance.now();
    try {
      const labels = await decodingWhereNeeded(picture.file, (given) => state.classify(given, {
        topK: LABELS_SHOWN,
        signal,
        onStep: (done, total) => {
          if (!signal.aborted) showStep(loadingText, loadingBar, done, total);
        },
      }));
      const milliseconds = performance.now() - start;
      const { heap } = await state.classify.memory();
      if (!signal.aborted) this.#answer(labels, milliseconds, heap);
    } catch (error) {
      if (pass !== this.#pass) return;
      this.#explain(signal.aborted ? { sentence: 'Stopped.', wayOut: 'choose', calm: true } : explainPicture(error));
    } finally {
      clearTimeout(patience);
      if (pass === this.#pass) {
        this.#pass = null;
        results.removeAttribute('aria-busy');
      }
    }
  }

  /**
   * @param {readonly Classification[]} labels
   * @param {number} milliseconds
   * @param {number} heap bytes
   */
  #answer(labels, milliseconds, heap) {
    showBars(labelList, labels);
    byId('fact-time', HTMLElement).textContent = duration(milliseconds);
    byId('fact-memory', HTMLElement).textContent = megabytes(heap);
    this.#show(answer);
    announcer.textContent = spoken(labels);
  }

  #stop() {
    this.#pass?.abort();
    this.#model.stop();
  }

  #wait() {
    this.#explain({ sentence: 'The model is ready: give it a picture.', wayOut: 'choose', calm: true });
  }

  /** @param {Explanation} explanation */
  #explain({ sentence, detail = '', wayOut, calm = false }) {
    this.#wayOut = wayOut;
    problem.classList.toggle('problem', !calm);
    problemText.textContent = sentence;
    problemDetail.textContent = detail;
    problemDetail.hidden = detail === '';
    problemAction.hidden = wayOut === null;
    problemAction.textContent = wayOut ? WAYS_OUT[wayOut] : '';
    announcer.textContent = '';
    this.#show(problem);
  }

  #takeWayOut() {
    if (this.#wayOut === 'choose') fileInput.click();
    else if (this.#wayOut === 'restart') void this.#model.restart();
    else void this.#model.load();
  }

  /** @param {HTMLElement} shown one of the three that the panel has place for */
  #show(shown) {
    for (const part of [loading, problem, answer]) part.hidden = part !== shown;
  }

  /** @param {Picture} picture */
  #preview({ file, name }) {
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(file);
    image.alt = name;
    image.hidden = false;
    stageText.hidden = true;
  }

  #withoutPreview() {
    image.hidden = true;
    stageText.hidden = false;
    stageText.textContent = `${image.alt}: this browser cannot show it.`;
  }
}
