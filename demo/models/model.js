// @ts-check
/** One model that the page runs: loading it, stopping that, taking another, starting again. */

/** @import { ModelOptions, Progress, SourceLike } from '../library.js' */

/**
 * What a model does for the page, whatever its task.
 * @typedef {{ dispose(): Promise<void> }} Usable
 */

/**
 * @template {Usable} T
 * @typedef {{ kind: 'idle' }
 *   | { kind: 'absent' }
 *   | { kind: 'loading', progress: Progress | null, waiting?: boolean }
 *   | { kind: 'stopped' }
 *   | { kind: 'failed', error: unknown }
 *   | { kind: 'ready', use: T, milliseconds: number }} ModelState waiting: for the network; absent: no checkpoint has been chosen,
 *   and none for the task comes with the page
 */

/**
 * A place where a checkpoint comes from, what to call it, and whether its weights are kept as something smaller.
 * @typedef {{ source: SourceLike, name: string, keepAs?: 'int8' | undefined, link?: string }} Chosen link: of a taught classifier,
 *   which names its checkpoint itself
 */

/**
 * Sends the event `change` whenever `state` is another.
 * @template {Usable} T
 */
export class Model extends EventTarget {
  /** @type {ModelState<T>} */
  state = { kind: 'idle' };
  /** What was chosen in place of the checkpoint that comes with the page. @type {Chosen | null} */
  chosen = null;
  /** @type {AbortController | null} */
  #loading = null;
  /** Resolves when the load that is under way is over. @type {Promise<void> | null} */
  #loaded = null;
  #settings;
  #optional;
  #open;

  /**
   * @param {object} parts
   * @param {string} parts.task what the checkpoint can do, after "can"
   * @param {{ options: ModelOptions }} parts.settings
   * @param {boolean} [parts.optional] whether the page may come without a checkpoint for the task
   * @param {(source: SourceLike | null, options: ModelOptions, link?: string) => Promise<T>} parts.open loads a checkpoint,
   *   for null the one that comes with the page
   */
  constructor({ task, settings, optional = false, open }) {
    super();
    this.task = task;
    this.#settings = settings;
    this.#optional = optional;
    this.#open = open;
  }

  /** How it is run. */
  get options() {
    return this.#settings.options;
  }

  /** Loads, unless that is under way or done; resolves when it is over. Never rejects: `state` tells. */
  async load() {
    // What was stopped is not what is wanted now.
    while (this.#loading?.signal.aborted) await this.#loaded;
    if (this.state.kind === 'ready') return;
    this.#loaded ??= this.#load().finally(() => {
      this.#loaded = null;
    });
    await this.#loaded;
  }

  async #load() {
    const controller = (this.#loading = new AbortController());
    const start = performance.now();
    this.#become({ kind: 'loading', progress: null });
    try {
      const { source = null, keepAs, link } = this.chosen ?? {};
      const options = {
        ...this.#settings.options,
        ...(keepAs && { keepAs }),
        signal: controller.signal,
        onWarning: (/** @type {{ code: string }} */ { code }) => {
          if (code === 'network' && !navigator.onLine && this.state.kind === 'loading') this.#become({ ...this.state, waiting: true });
        },
        onProgress: (/** @type {Progress} */ progress) => {
          if (!controller.signal.aborted) this.#become({ kind: 'loading', progress });
        },
      };
      const use = await this.#open(source, options, link);
      if (controller.signal.aborted) {
        await use.dispose();
        throw controller.signal.reason;
      }
      this.#loading = null;
      this.#become({ kind: 'ready', use, milliseconds: performance.now() - start });
    } catch (error) {
      this.#loading = null;
      if (controller.signal.aborted) this.#become({ kind: 'stopped' });
      else if (this.#optional && !this.chosen && isNoCheckpoint(error)) this.#become({ kind: 'absent' });
      else this.#become({ kind: 'failed', error });
    }
  }

  /**
   * Loads for another model, which is told of the progress. Rejects when that one is stopped: a load that began here is stopped with it.
   * @param {Pick<ModelOptions, 'signal' | 'onProgress'>} other how the other one is loaded
   */
  async loadFor({ signal, onProgress }) {
    signal?.throwIfAborted();
    const begins = this.state.kind !== 'loading' || this.#loading?.signal.aborted;
    const follow = () => {
      if (this.state.kind === 'loading' && this.state.progress) onProgress?.(this.state.progress);
    };
    /** @type {() => void} */
    let stop = () => undefined;
    const stopped = new Promise((_, reject) => {
      stop = () => {
        if (begins) this.stop();
        reject(signal?.reason);
      };
    });
    this.addEventListener('change', follow);
    signal?.addEventListener('abort', stop);
    try {
      await Promise.race([this.load(), stopped]);
    } finally {
      this.removeEventListener('change', follow);
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Stops loading; `state` is `stopped` as soon as everything has been given back. */
  stop() {
    this.#loading?.abort();
  }

  /** Gives a model back, and loads it anew. */
  async restart() {
    await this.release();
    await this.load();
  }

  /**
   * Takes another checkpoint; null takes the one that comes with the page.
   * @param {Chosen | null} chosen
   */
  async choose(chosen) {
    // At once, not when the one before is given back: of two choices in a row the last one is loaded.
    this.chosen = chosen;
    await this.restart();
  }

  /** Gives the model's memory back, or stops loading it. */
  async release() {
    this.stop();
    await this.#loaded;
    if (this.state.kind === 'ready') {
      const { use } = this.state;
      this.#become({ kind: 'idle' });
      // An engine that has failed has nothing left to give back, and says so.
      await use.dispose().catch(() => undefined);
    } else {
      this.#become({ kind: 'idle' });
    }
  }

  /** @param {ModelState<T>} state */
  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {unknown} error */
function isNoCheckpoint(error) {
  const { code, where } = /** @type {{ code?: unknown, where?: unknown }} */ (error ?? {});
  return code === 'not-found' || (code === 'invalid-argument' && where === 'source');
}
