// @ts-check
/** Frames of a camera, one at a time: what arrives while one is being worked on is dropped. */
import { make } from '../page/dom.js';
import { openCamera } from './camera.js';

/**
 * What was done so far.
 * @typedef {{ shown: number, dropped: number, perSecond: number }} LiveCount perSecond: over the last frames
 */

// Frames over which the rate is taken.
const WINDOW = 10;

// A small checkpoint sees a hundred pixels a side: more would only be copied and thrown away.
const MOST_PIXELS_A_SIDE = 480;

export class Live {
  video = make('video', { muted: true, playsInline: true });
  /** @type {(() => void) | null} */
  #close = null;
  /** Another with each start and stop: a camera that comes for an earlier one goes at once. */
  #turn = 0;
  #busy = false;
  #shown = 0;
  #dropped = 0;
  /** @type {number[]} */
  #times = [];
  #work;

  /** @param {(frame: ImageBitmap) => Promise<void>} work the frame is closed after it; a rejection ends it all */
  constructor(work) {
    this.#work = work;
  }

  get running() {
    return this.#close !== null;
  }

  /** @returns {LiveCount} */
  get count() {
    const [first, last] = [this.#times[0] ?? 0, this.#times.at(-1) ?? 0];
    return {
      shown: this.#shown,
      dropped: this.#dropped,
      perSecond: last > first ? ((this.#times.length - 1) / (last - first)) * 1000 : 0,
    };
  }

  /**
   * Opens the camera and begins. Rejects with a sentence where there is none. `failed` is told why the
   * work ended by itself.
   * @param {(error: unknown) => void} failed
   */
  async start(failed) {
    const turn = ++this.#turn;
    const close = await openCamera(this.video).catch((error) => {
      if (turn === this.#turn) throw error;
      return null;
    });
    if (turn !== this.#turn || !close) {
      close?.();
      return;
    }
    this.#close = close;
    [this.#shown, this.#dropped, this.#times] = [0, 0, []];
    const next = () => {
      if (!this.running) return;
      this.#onFrame(next);
      if (this.#busy) {
        ++this.#dropped;
        return;
      }
      this.#busy = true;
      this.#one()
        .catch((error) => {
          if (!this.running) return;
          this.stop();
          failed(error);
        })
        .finally(() => {
          this.#busy = false;
        });
    };
    next();
  }

  stop() {
    ++this.#turn;
    this.#close?.();
    this.#close = null;
  }

  async #one() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (width === 0) return;
    const scale = Math.min(MOST_PIXELS_A_SIDE / Math.max(width, height), 1);
    const frame = await createImageBitmap(this.video, { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) });
    try {
      await this.#work(frame);
    } finally {
      frame.close();
    }
    ++this.#shown;
    this.#times.push(performance.now());
    if (this.#times.length > WINDOW) this.#times.shift();
  }

  /** @param {() => void} callback called when the camera has a new frame */
  #onFrame(callback) {
    if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(callback);
    else requestAnimationFrame(callback);
  }
}
