// @ts-check
/** What is taught: classes and their pictures, what waits to be looked at, and the head, which follows every change. */
import { factsOf } from '../page/sentences.js';
import { decodingWhereNeeded } from '../pictures/pixels.js';
import { strangersIn } from './strangers.js';
import { thumbnailOf, Thumbnails } from './thumbnails.js';

/** @import { TaughtFit, Teacher } from './teaching.js' */
/** @import { Keep, State } from './keep.js' */
/** @import { Place } from './thumbnails.js' */

/**
 * @typedef {object} Class
 * @property {number} key
 * @property {string} name
 * @property {number[]} ids its pictures, oldest first
 * @property {number} waiting pictures that are not looked at yet
 * @property {string[]} failed names of files that are no pictures
 * @property {string} problem why, of the last one
 */

/** @typedef {{ image: File | ImageBitmap, burst?: string }} Given a frame has a burst, and is closed when it has been looked at */

/**
 * A model that was trained further.
 * @typedef {object} Improved
 * @property {(image: File | ImageBitmap, options: { topK: number }) => Promise<import('../library.js').Classification[]>} classify
 * @property {(target: import('./teaching.js').FolderToWrite | FileSystemDirectoryHandle) => Promise<string[]>} save
 * @property {() => Promise<void>} dispose
 * @property {number} epochs
 * @property {number | null} layer how many layers it has, where they are fewer than the checkpoint's
 * @property {unknown} facts of the run, to be shown as JSON
 */

/** While pictures pour in, fits and saves take at most so large a part of the time. */
const LARGEST_PART = 1 / 8;
const SETTLED_AFTER_MS = 600;

/**
 * Sends `change` for other classes or pictures, `fit` for another head or none, `judged` for other strangers, `answers` when somebody else
 * answers, `kept` when all is kept, `failed` with the reason in `error` where the model has stopped.
 */
export class Lessons extends EventTarget {
  /** @type {Class[]} */
  classes = [];
  /** @type {TaughtFit | null} */
  fit = null;
  /** How long the last fit took. */
  fitMilliseconds = 0;
  /** Pictures that resemble no class, the strangest first. @type {number[]} */
  strangers = [];
  /** @type {number | 'auto'} */
  layer = 'auto';
  /** @type {unknown} */
  error = null;
  /** What answers in place of the head, and is saved. @type {Improved | null} */
  improved = null;
  /** Whether all there is has been kept. */
  kept = false;
  /** Why the last time nothing could be kept, or ''. */
  keepProblem = '';
  /** The checkpoint that is taught on. @type {State['base']} */
  base = { source: null, name: '' };
  #thumbnails = new Thumbnails();
  /** @type {Map<number, Place>} */
  #places = new Map();
  /** @type {Teacher | null} */
  #teacher = null;
  /** @type {Keep | null} */
  #keep = null;
  /** @type {{ to: Class, given: Given }[]} */
  #queue = [];
  #working = false;
  #fitting = false;
  #stale = false;
  /** When the last fit was over. */
  #fitted = 0;
  #lastKey = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #settleMilliseconds = 0;
  /** Another with each change. */
  #edition = 0;
  /** @type {Promise<void>} */
  #settled = Promise.resolve();

  /** How many pictures there are. */
  get count() {
    return this.#places.size;
  }

  /** How many are waited for. */
  get waiting() {
    return this.#queue.length;
  }

  /** @returns {Teacher | null} */
  get teacher() {
    return this.#teacher;
  }

  /** What tells pictures, as Teacher.classify() does; null while nothing can. */
  get answering() {
    return this.improved ?? (this.fit ? this.#teacher : null);
  }

  /** @param {Improved | null} improved null: the head */
  answerBy(improved) {
    if (this.improved === improved) return;
    this.improved = improved;
    this.dispatchEvent(new Event('answers'));
  }

  /** @param {Keep} keep where all is kept from now on */
  keepIn(keep) {
    this.#keep = keep;
    this.#thumbnails.keepBy((number, pack) => keep.writePack(number, pack));
  }

  /**
   * Goes on with what was kept; the teacher comes with the project in it.
   * @param {State} state
   * @param {Map<number, Blob | null>} packs null for one that could not be read
   */
  restore(state, packs) {
    for (const [number, pack] of packs) this.#thumbnails.restore(number, pack);
    this.layer = state.layer;
    this.classes = [];
    for (const name of state.classes) this.add(name);
    this.#kept = state.places;
  }

  /** Places of pictures whose teacher is awaited. @type {Place[] | null} */
  #kept = null;

  /**
   * Takes a teacher that was opened with this one's project, or with none.
   * @param {Teacher} teacher
   */
  begin(teacher) {
    const places = this.#kept ?? [...this.#places.values()];
    this.#kept = null;
    this.error = null;
    this.strangers = [];
    this.#teacher = teacher;
    this.#places = new Map();
    for (const one of this.classes) one.ids = [];
    for (const [i, { id, label }] of teacher.pictures.entries()) {
      this.#places.set(id, places[i] ?? null);
      (this.named(label) ?? this.add(label)).ids.push(id);
    }
    this.#touch();
    void this.#work();
  }

  /** The teacher is gone: what it was taught stays, to begin anew with. */
  end() {
    const project = this.count > 0 ? (this.#teacher?.project() ?? null) : null;
    this.#teacher = null;
    return project;
  }

  /**
   * @param {string} name
   * @returns {Class | undefined}
   */
  named(name) {
    return this.classes.find((one) => one.name === name);
  }

  /**
   * Adds a class.
   * @param {string} [name] default: the first "Class N" that there is none of
   * @returns {Class}
   */
  add(name) {
    let free = name ?? '';
    for (let i = 1; free === ''; ++i) if (!this.named(`Class ${i}`)) free = `Class ${i}`;
    const made = { key: ++this.#lastKey, name: free, ids: [], waiting: 0, failed: [], problem: '' };
    this.classes.push(made);
    this.#changed();
    return made;
  }

  /**
   * @param {Class} one
   * @param {string} name which no other class has
   */
  rename(one, name) {
    if (one.ids.length > 0) this.#teacher?.relabel(one.ids, name);
    one.name = name;
    this.#touch();
  }

  /** @param {Class} one */
  drop(one) {
    this.#queue = this.#queue.filter(({ to, given }) => {
      if (to === one && given.image instanceof ImageBitmap) given.image.close();
      return to !== one;
    });
    this.#forget(one.ids);
    this.classes = this.classes.filter((other) => other !== one);
    this.#touch();
  }

  /**
   * Takes pictures of a class in, one after the other.
   * @param {Class} to
   * @param {readonly Given[]} pictures
   */
  take(to, pictures) {
    [to.failed, to.problem] = [[], ''];
    to.waiting += pictures.length;
    for (const given of pictures) this.#queue.push({ to, given });
    this.#changed();
    void this.#work();
  }

  /** Looks at nothing that still waits. */
  stop() {
    for (const { to, given } of this.#queue) {
      if (given.image instanceof ImageBitmap) given.image.close();
      --to.waiting;
    }
    this.#queue = [];
    this.#changed();
  }

  /** @param {readonly number[]} ids */
  remove(ids) {
    this.#forget(ids);
    this.#touch();
  }

  /**
   * @param {readonly number[]} ids
   * @param {Class} to
   */
  move(ids, to) {
    const moved = new Set(ids);
    this.#teacher?.relabel(ids, to.name);
    for (const one of this.classes) if (one !== to) one.ids = one.ids.filter((id) => !moved.has(id));
    const here = new Set(to.ids);
    to.ids.push(...ids.filter((id) => !here.has(id)));
    this.#touch();
  }

  /** @param {number | 'auto'} layer */
  chooseLayer(layer) {
    this.layer = layer;
    this.#touch();
  }

  /**
   * Returns the class of a picture.
   * @param {number} id
   */
  classOf(id) {
    return this.classes.find(({ ids }) => ids.includes(id));
  }

  /**
   * Returns a picture's small copy, or null.
   * @param {number} id
   */
  thumbnail(id) {
    return this.#thumbnails.get(this.#places.get(id) ?? null);
  }

  /** Resolves when nothing waits to be kept any more. */
  async settled() {
    clearTimeout(this.#settling);
    this.#settle();
    await this.#settled;
  }

  /** @param {readonly number[]} ids */
  #forget(ids) {
    const gone = new Set(ids);
    if (ids.length > 0) this.#teacher?.remove(ids);
    for (const id of ids) this.#places.delete(id);
    for (const one of this.classes) if (one.ids.some((id) => gone.has(id))) one.ids = one.ids.filter((id) => !gone.has(id));
    this.strangers = this.strangers.filter((id) => !gone.has(id));
  }

  async #work() {
    if (this.#working) return;
    this.#working = true;
    try {
      for (let next = this.#queue[0]; next && this.#teacher; next = this.#queue[0]) {
        const { to, given } = next;
        await this.#one(to, given);
        if (this.error) break;
        if (this.#queue[0] === next) this.#queue.shift();
        --to.waiting;
        this.#touch();
      }
    } finally {
      this.#working = false;
    }
  }

  /**
   * @param {Class} to
   * @param {Given} given
   */
  async #one(to, { image, burst }) {
    const teacher = /** @type {Teacher} */ (this.#teacher);
    const label = to.name;
    const look = (/** @type {File | ImageBitmap} */ source) => teacher.add(label, source, { burst });
    try {
      const [thumbnail, [id]] = await Promise.all([
        thumbnailOf(image).catch(() => null),
        image instanceof ImageBitmap ? look(image) : decodingWhereNeeded(image, look),
      ]);
      if (id === undefined || teacher !== this.#teacher) return;
      if (!this.classes.includes(to)) return teacher.remove(id); // the class has gone meanwhile
      if (to.name !== label) teacher.relabel(id, to.name);
      this.#places.set(id, this.#thumbnails.add(thumbnail));
      to.ids.push(id);
    } catch (error) {
      const { code, message } = factsOf(error);
      if (teacher !== this.#teacher) return;
      if (isLost(code)) return this.#fail(error);
      to.failed.push(image instanceof File ? image.name : 'a frame of the camera');
      to.problem = message;
    }
    if (image instanceof ImageBitmap) image.close();
  }

  /**
   * Takes note of what a call of the teacher threw. Returns whether the model has stopped by it.
   * @param {unknown} error
   */
  hasStopped(error) {
    // What was trained opens again with its next call.
    const lost = this.improved === null && isLost(factsOf(error).code);
    if (lost) this.#fail(error);
    return lost;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.error = error;
    this.dispatchEvent(new Event('failed'));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** Something is other than the head knows, and other than what is kept. */
  #touch() {
    this.#stale = true;
    this.kept = false;
    ++this.#edition;
    this.#changed();
    void this.#refit();
    this.#settleLater();
  }

  /** Fits the head; once more where something changed meanwhile. */
  async #refit() {
    const teacher = this.#teacher;
    if (this.#fitting || !this.#stale || !teacher) return;
    clearTimeout(this.#later);
    const rest = this.waiting > 0 ? this.#fitted + this.fitMilliseconds / LARGEST_PART - performance.now() : 0;
    if (rest > 0) {
      this.#later = setTimeout(() => void this.#refit(), rest);
      return;
    }
    this.#stale = false;
    const before = this.fit;
    if (this.classes.filter(({ ids }) => ids.length > 0).length < 2) {
      this.fit = null;
      if (before) this.dispatchEvent(new Event('fit'));
      return;
    }
    this.#fitting = true;
    const start = performance.now();
    try {
      this.fit = await teacher.fit({ layer: this.layer });
      this.fitMilliseconds = performance.now() - start;
      if (teacher === this.#teacher) this.dispatchEvent(new Event('fit'));
    } catch (error) {
      if (teacher === this.#teacher && isLost(factsOf(error).code)) this.#fail(error);
    } finally {
      this.#fitting = false;
      this.#fitted = performance.now();
    }
    void this.#refit();
  }

  #settleLater() {
    if (this.#settling !== undefined && this.waiting > 0) return; // else it would never come while pictures do
    clearTimeout(this.#settling);
    const rest = this.waiting > 0 ? this.#settleMilliseconds / LARGEST_PART : this.#settleMilliseconds;
    this.#settling = setTimeout(() => this.#settle(), SETTLED_AFTER_MS + rest);
  }

  /** Looks for strangers, and keeps all. */
  #settle() {
    this.#settling = undefined;
    this.#settled = this.#settled.then(() => this.#settleNow()).catch(() => undefined);
  }

  async #settleNow() {
    const teacher = this.#teacher;
    if (!teacher || this.#kept) return;
    const start = performance.now();
    const edition = this.#edition;
    const project = teacher.project();
    const pictures = teacher.pictures;
    if (this.fit) {
      const { labels, layer } = this.fit;
      const numbers = new Map(labels.map((label, k) => [label, k]));
      const known = pictures.map(({ label }) => numbers.get(label) ?? -1);
      this.strangers = known.includes(-1) ? [] : strangersIn(project, layer, known).map((i) => /** @type {number} */ (pictures[i]?.id));
      this.dispatchEvent(new Event('judged'));
    }
    if (this.#keep) {
      await this.#write(
        this.#keep,
        project,
        pictures.map(({ id }) => id),
      );
      this.kept = edition === this.#edition && this.keepProblem === '';
      this.dispatchEvent(new Event('kept'));
    }
    this.#settleMilliseconds = performance.now() - start;
  }

  /**
   * @param {Keep} keep
   * @param {Uint8Array} project
   * @param {readonly number[]} ids
   */
  async #write(keep, project, ids) {
    const placesOf = () => ids.map((id) => this.#places.get(id) ?? null);
    try {
      await this.#thumbnails.pack();
      const isScattered = this.#thumbnails.isScattered && this.waiting === 0;
      if (isScattered) {
        const all = [...this.#places];
        const places = await this.#thumbnails.repack(all.map(([, place]) => place));
        for (const [i, [id]] of all.entries()) if (this.#places.has(id)) this.#places.set(id, places[i] ?? null);
      }
      const { base, layer } = this;
      const classes = this.classes.map(({ name }) => name);
      await keep.write({ version: 1, classes, places: placesOf(), packs: this.#thumbnails.packs, base, layer }, project);
      if (isScattered) await keep.sweep(this.#thumbnails.packs);
      this.keepProblem = '';
    } catch (error) {
      this.keepProblem = factsOf(error).message;
    }
  }

  /** Forgets all, here and where it is kept. */
  async clear() {
    this.stop();
    this.#kept = null;
    this.#forget([...this.#places.keys()]);
    this.classes = [];
    this.strangers = [];
    this.layer = 'auto';
    clearTimeout(this.#settling);
    await this.#settled;
    this.#thumbnails = new Thumbnails();
    if (this.#keep) {
      await this.#keep.clear();
      this.keepIn(this.#keep);
    }
    this.add();
    this.add();
    this.#touch();
  }
}

/** @param {string} code */
function isLost(code) {
  return code === 'engine-lost' || code === 'disposed' || code === 'internal';
}
