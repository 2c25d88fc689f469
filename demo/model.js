// @ts-check
/** The classifier that the page runs: loading it, stopping that, and starting again. */
import { pipeline } from './library.js';

/** @import { ImageClassificationPipeline, ModelOptions, Progress } from './library.js' */

/**
 * @typedef {{ kind: 'idle' }
 *   | { kind: 'loading', progress: Progress | null }
 *   | { kind: 'stopped' }
 *   | { kind: 'failed', error: unknown }
 *   | { kind: 'ready', classify: ImageClassificationPipeline, milliseconds: number }} ModelState
 */

/** Sends the event `change` whenever `state` is another. */
export class Model extends EventTarget {
  /** @type {ModelState} */
  state = { kind: 'idle' };
  /** @type {AbortController | null} */
  #loading = null;
  #options;

  /** @param {ModelOptions} options */
  constructor(options) {
    super();
    this.#options = options;
  }

  /** Begins to load, unless that is under way or done. Never rejects: `state` tells. */
  async load() {
    if (this.#loading || this.state.kind === 'ready') return;
    const controller = this.#loading = new AbortController();
    const start = performance.now();
    this.#become({ kind: 'loading', progress: null });
    try {
      const classify = await pipeline('image-classification', null, {
        ...this.#options,
        signal: controller.signal,
        onProgress: (progress) => {
          if (!controller.signal.aborted) this.#become({ kind: 'loading', progress });
        },
      });
      this.#loading = null;
      this.#become({ kind: 'ready', classify, milliseconds: performance.now() - start });
    } catch (error) {
      this.#loading = null;
      this.#become(controller.signal.aborted ? { kind: 'stopped' } : { kind: 'failed', error });
    }
  }

  /** Stops loading; `state` is `stopped` as soon as everything has been given back. */
  stop() {
    this.#loading?.abort();
  }

  /** Gives a model that has failed back, and loads it anew. */
  async restart() {
    if (this.state.kind === 'ready') {
      const { classify } = this.state;
      this.#become({ kind: 'idle' });
      // An engine that has failed has nothing left to give back, and says so.
      await classify.dispose().catch(() => undefined);
    }
    await this.load();
  }

  /** @param {ModelState} state */
  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}
