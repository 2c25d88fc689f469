// @ts-check
/** What the head, or what it was improved to, says of the picture, or of what the camera sees; and recording with that camera. */
import { announce, part } from '../page/dom.js';
import { duration } from '../page/format.js';
import { factsOf } from '../page/sentences.js';
import { showBars, spoken } from '../classify/bars.js';
import { Frame } from '../pictures/frame.js';
import { Live } from '../pictures/live.js';
import { decodingWhereNeeded } from '../pictures/pixels.js';

/** @import { Pictures } from '../pictures/pictures.js' */
/** @import { Class, Lessons } from './lessons.js' */

/** @typedef {{ one: Class, timer: ReturnType<typeof setInterval> | undefined }} Recording of a class; without a timer while the camera is awaited */

const LABELS_SHOWN = 5;
const RECORD_EVERY_MS = 250;
const MOST_WAITING = 40;
const MOST_PIXELS_A_SIDE = 480;

export class Preview {
  #root;
  #lessons;
  #pictures;
  #frame;
  #live = new Live((frame) => this.#answerFrame(frame));
  #tell;
  /** The recording that is going on. @type {Recording | null} */
  #recording = null;
  /** Another with each still picture or head: an answer that comes for an earlier one is not shown. */
  #asked = 0;
  /** What the camera cannot do, told once. */
  #opened = false;

  /**
   * @param {HTMLElement} root
   * @param {Lessons} lessons
   * @param {Pictures} pictures
   * @param {(sentence: string) => void} tell
   */
  constructor(root, lessons, pictures, tell) {
    this.#root = root;
    this.#lessons = lessons;
    this.#pictures = pictures;
    this.#tell = tell;
    this.#frame = new Frame(part(root, 'stage', HTMLElement));
    const { video } = this.#live;
    video.className = 'picture';
    video.hidden = true;
    this.#frame.overlay.before(video);
    video.addEventListener('resize', () => this.#opened && this.#frame.proportion(video.videoWidth, video.videoHeight));
    part(root, 'camera', HTMLButtonElement).addEventListener('click', () => {
      if (this.#live.running) this.stop();
      else void this.#open();
    });
  }

  /** The picture or the head is another. */
  look() {
    const { current } = this.#pictures;
    const answers = this.#lessons.answering !== null;
    part(this.#root, 'waiting', HTMLElement).hidden = answers;
    part(this.#root, 'labels', HTMLElement).hidden = !answers;
    part(this.#root, 'answer-time', HTMLElement).hidden = !answers;
    if (!current || this.#live.running) return;
    void this.#answerStill(current.file);
  }

  /** The page has another picture: that is looked at, not the camera. */
  picture() {
    const { current } = this.#pictures;
    if (!current) return;
    this.stop();
    this.#frame.show(current);
    this.look();
  }

  /** The camera is off from now on. */
  stop() {
    this.#endRecording();
    this.#live.stop();
    if (!this.#opened) return;
    this.#opened = false;
    this.#live.video.hidden = true;
    this.#frame.image.hidden = false;
    this.#frame.element.hidden = true;
    part(this.#root, 'stage-text', HTMLElement).hidden = false;
    part(this.#root, 'camera', HTMLButtonElement).ariaPressed = 'false';
    const { current } = this.#pictures;
    if (current) this.#frame.show(current);
  }

  /**
   * Records pictures of a class until stopRecording(), until another is recorded, or for as long as there is the class.
   * @param {Class} one
   */
  async record(one) {
    this.#endRecording();
    /** @type {Recording} */
    const mine = (this.#recording = { one, timer: undefined });
    if (!(await this.#open()) || this.#recording !== mine) return;
    const burst = `camera ${new Date().toISOString()}`;
    const shoot = () => {
      if (this.#lessons.classes.includes(one)) void this.#capture(one, burst);
      else this.stopRecording(one);
    };
    mine.timer = setInterval(shoot, RECORD_EVERY_MS);
    shoot();
  }

  /**
   * Ends the recording of a class; another's goes on.
   * @param {Class} one
   */
  stopRecording(one) {
    if (this.#recording?.one === one) this.#endRecording();
  }

  #endRecording() {
    clearInterval(this.#recording?.timer);
    this.#recording = null;
  }

  /**
   * Takes one picture of a class.
   * @param {Class} one
   */
  async shoot(one) {
    if (await this.#open()) await this.#capture(one, `camera ${new Date().toISOString()}`);
  }

  /**
   * @param {Class} one
   * @param {string} burst
   */
  async #capture(one, burst) {
    const { video } = this.#live;
    const { videoWidth: width, videoHeight: height } = video;
    if (width === 0 || this.#lessons.waiting > MOST_WAITING) return;
    const scale = Math.min(MOST_PIXELS_A_SIDE / Math.max(width, height), 1);
    const image = await createImageBitmap(video, { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) });
    this.#lessons.take(one, [{ image, burst }]);
  }

  /** Switches the camera on. Resolves with whether it is. */
  async #open() {
    if (this.#live.running) return true;
    const { video } = this.#live;
    try {
      await this.#live.start((error) => {
        this.stop();
        if (!this.#lessons.hasStopped(error)) this.#tell(factsOf(error).message);
      });
    } catch (error) {
      this.#tell(/** @type {Error} */ (error).message);
      return false;
    }
    if (!this.#live.running) return false;
    this.#opened = true;
    video.hidden = false;
    this.#frame.image.hidden = true;
    this.#frame.element.hidden = false;
    this.#frame.proportion(video.videoWidth || 4, video.videoHeight || 3);
    part(this.#root, 'stage-text', HTMLElement).hidden = true;
    part(this.#root, 'camera', HTMLButtonElement).ariaPressed = 'true';
    return true;
  }

  /** @param {ImageBitmap} frame */
  async #answerFrame(frame) {
    const { answering } = this.#lessons;
    if (!answering) return;
    const start = performance.now();
    try {
      const labels = await answering.classify(frame, { topK: LABELS_SHOWN });
      if (this.#live.running) this.#show(labels, start);
    } catch (error) {
      // One that was given back meanwhile has another in its place, which is asked of the next frame.
      if (answering === this.#lessons.answering) throw error;
    }
  }

  /** @param {File} file */
  async #answerStill(file) {
    const { answering } = this.#lessons;
    if (!answering) return;
    const mine = ++this.#asked;
    const start = performance.now();
    try {
      const labels = await decodingWhereNeeded(file, (image) => answering.classify(image, { topK: LABELS_SHOWN }));
      if (mine !== this.#asked || this.#live.running) return;
      this.#show(labels, start);
      if (this.#lessons.waiting === 0) announce(spoken(labels));
    } catch (error) {
      if (mine !== this.#asked || answering !== this.#lessons.answering) return;
      if (!this.#lessons.hasStopped(error)) this.#tell(factsOf(error).message);
    }
  }

  /**
   * @param {import('../library.js').Classification[]} labels
   * @param {number} start
   */
  #show(labels, start) {
    showBars(part(this.#root, 'labels', HTMLOListElement), labels);
    part(this.#root, 'answer-time', HTMLElement).textContent = `Answered in ${duration(performance.now() - start)}.`;
  }
}
