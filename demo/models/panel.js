// @ts-check
/** The Models tab: a checkpoint is named or dropped, looked into, and taken by the tab that can use it. */
import { cache, inspect } from '../library.js';
import { announce, part } from '../page/dom.js';
import { megabytes } from '../page/format.js';
import { keepModelInAddress } from '../page/links.js';
import { Notice } from '../page/notice.js';
import { LoadingTeller, WAITING } from '../page/progress.js';
import { explainLoading, factsOf } from '../page/sentences.js';
import { showCached } from './cached.js';
import { taskOf } from './checkpoints.js';
import { fits, showDetected } from './detected.js';
import { offerSettings } from './how.js';
import { showOffers } from './offers.js';
import { followSlots } from './slots.js';

/** @import { Progress } from '../library.js' */
/** @import { Checkpoints, TaskName } from './checkpoints.js' */
/** @import { Chosen, Model, Usable } from './model.js' */

// Weights of as many bytes are kept as int8, and asked about where a line is paid by the megabyte.
const LARGE_BYTES = 50e6;

export class ModelsPanel {
  #root;
  #checkpoints;
  #notice;
  #teller = new LoadingTeller();
  /** What is being looked into. @type {AbortController | null} */
  #work = null;
  /** What was chosen last, for a second try. @type {Chosen | null} */
  #last = null;
  /** Told once that is ready, be it at the second try. @type {((task: TaskName) => void) | null} */
  #ready = null;

  /**
   * @param {HTMLElement} root
   * @param {Checkpoints} checkpoints
   */
  constructor(root, checkpoints) {
    this.#root = root;
    this.#checkpoints = checkpoints;
    this.#notice = new Notice(part(root, 'notice', HTMLElement), {
      stop: () => this.#work?.abort(),
      takeWayOut: (way) => {
        if (this.#last) void this.#take(this.#last, way === 'download');
      },
    });
    followSlots(part(root, 'slots', HTMLElement), checkpoints);
    offerSettings(root, checkpoints.settings);
    showOffers(part(root, 'offers', HTMLElement), checkpoints, (source) => this.takeSource(source));
    keepModelInAddress(checkpoints);
    const text = part(root, 'source', HTMLInputElement);
    part(root, 'choose-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const source = text.value.trim();
      if (source) this.takeSource(source);
      else
        this.#notice.problem({
          sentence: 'Write a hub id such as microsoft/beit-base-patch16-224, or a URL, first.',
          wayOut: null,
          calm: true,
        });
    });
    const input = part(root, 'files', HTMLInputElement);
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      input.value = '';
      if (files.length > 0) this.takeFiles(files);
    });
  }

  activate() {
    this.#showCached();
  }

  #showCached() {
    void showCached(this.#root, (source) => this.takeSource(source));
  }

  deactivate() {}

  /**
   * Loads a checkpoint by its hub id or address.
   * @param {string} source
   * @param {((task: TaskName) => void) | null} ready told what it does, once it can
   */
  takeSource(source, ready = null) {
    this.#ready = ready;
    void this.#take({ source, name: source });
  }

  /**
   * Loads a checkpoint from files that were chosen or dropped.
   * @param {File[]} files
   */
  takeFiles(files) {
    this.#ready = null;
    const weights = files.find(({ name }) => !name.endsWith('.json')) ?? files[0];
    void this.#take({ source: files, name: files.length === 1 ? (weights?.name ?? '') : `${weights?.name} and ${files.length - 1} more` });
  }

  /**
   * Looks into a checkpoint, and lets its task's model load it.
   * @param {Chosen} chosen
   * @param {boolean} agreed to a large download on a line that is paid by the megabyte
   */
  async #take(chosen, agreed = false) {
    this.#work?.abort();
    this.#last = chosen;
    const work = (this.#work = new AbortController());
    part(this.#root, 'detected', HTMLElement).hidden = true;
    this.#busy(null);
    const { options } = this.#checkpoints.settings;
    const keepAs = typeof chosen.source === 'string' && options.dtype !== 'f32' ? /** @type {const} */ ('int8') : undefined;
    try {
      const found = await inspect(chosen.source, {
        ...options,
        keepAs,
        signal: work.signal,
        onWarning: ({ code }) => {
          if (work === this.#work && code === 'network' && !navigator.onLine) this.#notice.busy(WAITING.text, WAITING.share);
        },
        onProgress: (progress) => {
          if (work === this.#work) this.#busy(progress);
        },
      });
      if (work !== this.#work) return;
      showDetected(this.#root, found);
      announce(part(this.#root, 'verdict', HTMLElement).textContent ?? '');
      const large = found.report.fillBytes >= LARGE_BYTES;
      if (large && !agreed && isMetered() && !(await isKept(chosen.source))) {
        this.#notice.problem({
          sentence: `This is a download of ${megabytes(found.report.fillBytes)}, and this line is a metered one or saves data.`,
          wayOut: 'download',
          calm: true,
        });
        return;
      }
      if (large || found.tensors.some(({ dtype }) => dtype === 'I8')) chosen.keepAs = keepAs;
      const task = taskOf(found.className);
      if (!task || !fits(found)) {
        this.#notice.clear();
        return;
      }
      if (await this.#load(/** @type {Model<Usable>} */ (this.#checkpoints.models[task]), chosen, work)) this.#ready?.(task);
    } catch (error) {
      if (work !== this.#work || (await this.#isTokenizer(error, chosen, work)) || work !== this.#work) return;
      this.#notice.problem(
        work.signal.aborted
          ? { sentence: 'Loading was cancelled.', wayOut: 'again', calm: true }
          : { ...explainLoading(error), wayOut: 'again' },
      );
    }
  }

  /**
   * Loads what has no BEiT's weights as DALL-E's tokenizer. Returns whether it was one.
   * @param {unknown} error why it is no BEiT
   * @param {Chosen} chosen
   * @param {AbortController} work
   */
  async #isTokenizer(error, chosen, work) {
    if (factsOf(error).code !== 'not-found') return false;
    const { tokenizer } = this.#checkpoints.models;
    const before = tokenizer.chosen;
    if (await this.#load(tokenizer, chosen, work).catch(() => false)) {
      this.#notice.problem({ sentence: 'This is DALL-E’s tokenizer: the tab Mask uses it.', wayOut: null, calm: true });
      return true;
    }
    // It is none, or another checkpoint has been taken meanwhile, perhaps as the tokenizer.
    if (tokenizer.chosen === chosen) await tokenizer.choose(before);
    return false;
  }

  /**
   * Returns whether the model is ready; false where another checkpoint has been taken meanwhile.
   * @param {Model<Usable>} model
   * @param {Chosen} chosen
   * @param {AbortController} work
   */
  async #load(model, chosen, work) {
    const follow = () => {
      if (model.state.kind !== 'loading' || work !== this.#work) return;
      if (model.state.waiting) this.#notice.busy(WAITING.text, WAITING.share);
      else this.#busy(model.state.progress);
    };
    const stop = () => model.stop();
    this.#teller = new LoadingTeller();
    model.addEventListener('change', follow);
    work.signal.addEventListener('abort', stop);
    try {
      await model.choose(chosen);
    } finally {
      model.removeEventListener('change', follow);
      work.signal.removeEventListener('abort', stop);
    }
    const { state } = model;
    if (work !== this.#work) return false;
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'stopped') throw work.signal.reason;
    this.#notice.clear();
    announce(`${chosen.name} is ready.`);
    this.#showCached();
    return true;
  }

  /** @param {Progress | null} progress */
  #busy(progress) {
    const { text, share } = this.#teller.tell(progress);
    this.#notice.busy(text, share);
  }
}

/** Returns whether what is downloaded may be paid by the megabyte, or is to be little. */
function isMetered() {
  const { connection } = /** @type {{ connection?: { saveData?: boolean, type?: string } }} */ (navigator);
  return connection?.saveData === true || connection?.type === 'cellular';
}

/** @param {unknown} source */
async function isKept(source) {
  const files = await cache.list().catch(() => []);
  return files.some((file) => file.source === source && file.bytes >= LARGE_BYTES / 4);
}
