// @ts-check
/** Keeps the screen from going dark, where the browser can: with it, phones put the page to sleep. */

export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;

  constructor() {
    // It is lost whenever the page is not seen.
    document.addEventListener('visibilitychange', () => void this.#take());
  }

  /** @param {boolean} wanted */
  async hold(wanted) {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    if (wanted) await this.#take();
    else await this.#release();
  }

  async #take() {
    if (!this.#wanted || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    try {
      await this.#release();
      this.#lock = await navigator.wakeLock.request('screen');
      if (!this.#wanted) await this.#release();
    } catch {
      // With a battery that is low there is none.
    }
  }

  async #release() {
    const lock = this.#lock;
    this.#lock = null;
    await lock?.release().catch(() => undefined);
  }
}
