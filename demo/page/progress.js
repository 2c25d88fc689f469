// @ts-check
/** Progress as a sentence and a share. */
import { duration, megabytes } from './format.js';

/** @import { Phase, Progress } from '../library.js' */

/** @type {Readonly<Record<Phase, string>>} */
const PHASES = {
  artefact: 'Starting WebAssembly …',
  config: 'Reading the configuration …',
  download: 'Downloading …',
  index: 'Reading the list of tensors …',
  weights: 'Loading the weights …',
  ready: 'Getting ready …',
};

/** What is said while there is no network. */
export const WAITING = { text: 'Waiting for the network …', share: null };

// A speed needs some time behind it before it says anything.
const LEAST_SECONDS = 0.5;

/** Tells how far one load has come. */
export class LoadingTeller {
  /** When the bytes of this phase began to arrive. @type {{ phase: Phase, at: number } | null} */
  #start = null;

  /**
   * Returns the sentence, with speed and time left where they are known, and the share, or null.
   * @param {Progress | null} progress null before the first is known
   * @returns {{ text: string, share: number | null }}
   */
  tell(progress) {
    if (!progress) return { text: PHASES.artefact, share: null };
    const { phase, file, loaded, total } = progress;
    if ((phase !== 'weights' && phase !== 'download') || total <= 0) return { text: PHASES[phase], share: null };
    if (this.#start?.phase !== phase) this.#start = { phase, at: performance.now() };
    const seconds = (performance.now() - this.#start.at) / 1000;
    const share = loaded / total;
    let text = `${phase === 'download' ? `Downloading ${file}` : 'Loading the weights'}: ${megabytes(loaded)} of ${megabytes(total)}`;
    if (seconds > LEAST_SECONDS && loaded > 0 && loaded < total) {
      text += `, ${megabytes(loaded / seconds)} a second, ${duration(((total - loaded) / loaded) * seconds * 1000)} left`;
    }
    return { text, share };
  }
}
