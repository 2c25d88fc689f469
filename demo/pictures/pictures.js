// @ts-check
/** The picture that all tabs look at. */

/** @typedef {{ file: File, name: string }} Picture a file, and what it shows or is called */

/** Sends the event `change` for another picture, and `refused` with the reason in `refusal`. */
export class Pictures extends EventTarget {
  /** @type {Picture | null} */
  current = null;
  /** Why the last thing that was given is no picture. */
  refusal = '';

  /** @param {Picture} picture */
  take(picture) {
    this.current = picture;
    this.refusal = '';
    this.dispatchEvent(new Event('change'));
  }

  /** @param {string} sentence */
  refuse(sentence) {
    this.refusal = sentence;
    this.dispatchEvent(new Event('refused'));
  }
}
