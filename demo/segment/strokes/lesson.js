// @ts-check
/** What is taught by strokes: labels, strokes, the head, and what is kept. No element of the page. */
import { colorOf } from '../../library.js';

/** @import { FusedMap, Segmentation, SegmentationTeacher, StrokeFit, StrokeLesson } from '../../library.js' */
/** @import { Keep } from '../../teach/keep.js' */

/** @typedef {{ number: number, name: string, color: [number, number, number] }} Label */
/** @typedef {{ version: 1, packs: [], labels: string[] }} StrokeState */

/**
 * Sends the events `change` (labels or strokes are others), `answer` (the picture was segmented, or there is no head), `kept` and
 * `failed`.
 */
export class Lesson extends EventTarget {
  /** @type {Label[]} */
  labels = [];
  /** @type {SegmentationTeacher | null} */
  teacher = null;
  /** The picture that is painted on. @type {{ map: FusedMap, key: string } | null} */
  picture = null;
  /** Of that picture; null without a head. @type {Segmentation | null} */
  answer = null;
  /** @type {StrokeFit | null} */
  fit = null;
  /** @type {unknown} */
  error = null;
  /** Whether all there is is kept. */
  kept = true;
  /** Whether there is something kept that could not be read: nothing is kept over it. */
  unread = false;
  /** @type {Keep<StrokeState> | null} */
  #keep = null;
  #numbers = 0;
  /** What takes the last steps on this picture back. @type {(() => void)[]} */
  #steps = [];
  /** Whether there is more to fit than the fit that is under way has. */
  #wanted = false;
  /** @type {Promise<void> | null} */
  #fitting = null;
  #saved = Promise.resolve();
  /** How many changes wait to be kept. */
  #unsaved = 0;

  get strokes() {
    return this.teacher?.strokes ?? [];
  }

  /** The strokes on the picture. */
  get here() {
    const key = this.picture?.key;
    return this.strokes.filter(({ picture }) => picture === key);
  }

  /** Whether there are two labels with strokes. */
  get ready() {
    return (this.teacher?.labels.length ?? 0) > 1;
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  /**
   * Takes a teacher that nothing has been taught yet.
   * @param {SegmentationTeacher} teacher
   * @param {Keep<StrokeState> | null} keep
   * @param {{ project: Uint8Array, labels: string[] } | null} again what it goes on with; null: with what is kept
   */
  async begin(teacher, keep, again) {
    await this.#saved;
    const kept = again ? null : await keep?.read();
    const before = kept && kept !== 'unread' ? { project: kept.project, labels: kept.state.labels } : again;
    this.#keep = null; // nothing is written before all has been taken in
    this.labels = [];
    this.#steps = [];
    this.fit = null;
    this.teacher = teacher;
    if (before) {
      try {
        teacher.join(before.project);
        for (const name of before.labels) this.add(name);
      } catch {
        // It is of another checkpoint: what is painted now takes its place.
      }
    }
    this.#takeNames();
    if (!again) this.unread = kept === 'unread';
    this.#keep = this.unread ? null : keep;
    if (this.labels.length === 0) this.#addTwo();
    this.#tell('change');
    if (this.ready) await this.#fitAll();
  }

  /**
   * Adds what a project holds.
   * @param {Uint8Array} project
   */
  join(project) {
    const ids = this.teacher?.join(project) ?? [];
    // What nobody has named or painted made room for a beginning.
    this.labels = this.labels.filter((label) => !/^label \d+$/.test(label.name) || this.#idsOf(label).length > 0);
    this.#takeNames();
    this.#changed();
    return ids.length;
  }

  /**
   * Takes another picture to paint on, or none.
   * @param {{ map: FusedMap, key: string } | null} picture
   */
  async look(picture) {
    if (picture?.key !== this.picture?.key) this.#steps = [];
    this.picture = picture;
    this.answer = null;
    if (picture && this.teacher && this.ready) {
      if (!this.fit) await this.#fitAll();
      this.answer = await this.teacher.segment(picture.map);
    }
    this.#tell('change');
  }

  /** @param {string} [name] a new one where it is not given */
  add(name) {
    for (let i = this.labels.length + 1; name === undefined; ++i) if (!this.named(`label ${i}`)) name = `label ${i}`;
    const label = this.named(name) ?? { number: this.#numbers, name, color: colorOf(this.#numbers++) };
    if (!this.labels.includes(label)) this.labels.push(label);
    this.#tell('change');
    void this.#save();
    return label;
  }

  /** @param {string} name */
  named(name) {
    return this.labels.find((label) => label.name === name);
  }

  /**
   * Returns whether the label has the name now.
   * @param {Label} label
   * @param {string} name
   */
  rename(label, name) {
    if (name === label.name) return true;
    if (name === '' || this.named(name)) return false;
    this.teacher?.relabel(this.#idsOf(label), name);
    label.name = name;
    this.#steps = [];
    this.#changed();
    return true;
  }

  /** @param {Label} label */
  remove(label) {
    this.teacher?.remove(this.#idsOf(label));
    this.labels = this.labels.filter((other) => other !== label);
    this.#steps = [];
    this.#changed();
  }

  /** Forgets all. */
  clear() {
    this.teacher?.remove(this.strokes.map(({ id }) => id));
    this.#steps = [];
    this.labels = [];
    this.#numbers = 0;
    this.#addTwo();
    this.#changed();
  }

  #addTwo() {
    this.add();
    this.add();
  }

  /**
   * @param {Label} label
   * @param {readonly (readonly [number, number])[]} points
   * @param {number} width
   */
  paint(label, points, width) {
    const id = this.#put({ label: label.name, points, width });
    if (id === null) return;
    this.#steps.push(() => this.teacher?.remove(id));
    this.#changed();
  }

  /**
   * Takes strokes of this picture away. Returns how many.
   * @param {readonly StrokeLesson[]} strokes
   */
  erase(strokes) {
    if (strokes.length === 0) return 0;
    this.teacher?.remove(strokes.map(({ id }) => id));
    this.#steps.push(() => {
      for (const stroke of strokes) this.#put(stroke);
      // Steps before this one name strokes that have other ids now.
      this.#steps = [];
    });
    this.#changed();
    return strokes.length;
  }

  undo() {
    this.#steps.pop()?.();
    this.#changed();
  }

  /** @param {{ label: string, points: readonly (readonly [number, number])[], width: number }} stroke */
  #put({ label, points, width }) {
    const { picture, teacher } = this;
    return picture && teacher ? teacher.paint(picture.map, { label, points, width, picture: picture.key }) : null;
  }

  /** @param {Label} label */
  #idsOf({ name }) {
    return this.strokes.filter(({ label }) => label === name).map(({ id }) => id);
  }

  #takeNames() {
    for (const name of this.teacher?.labels ?? []) if (!this.named(name)) this.add(name);
  }

  #changed() {
    this.#tell('change');
    void this.#save();
    this.#wanted = true;
    this.#fitting ??= this.#follow().finally(() => {
      this.#fitting = null;
    });
  }

  /** Fits and segments until nothing has changed meanwhile. */
  async #follow() {
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#fitAll();
        const { picture, teacher } = this;
        const answer = picture && teacher && this.fit ? await teacher.segment(picture.map) : null;
        if (picture === this.picture) this.answer = answer;
        this.#tell('answer');
      }
    } catch (error) {
      this.error = error;
      this.#tell('failed');
    }
  }

  async #fitAll() {
    this.fit = this.ready && this.teacher ? await this.teacher.fit() : null;
  }

  #save() {
    const { teacher } = this;
    const keep = this.#keep;
    if (!keep || !teacher) return;
    this.kept = false;
    ++this.#unsaved;
    this.#tell('kept');
    // One behind the other; each writes what there is when its turn comes.
    this.#saved = this.#saved.then(async () => {
      if (--this.#unsaved > 0) return;
      try {
        await keep.write({ version: 1, packs: [], labels: this.labels.map(({ name }) => name) }, teacher.project());
      } catch {
        this.#keep = null;
      }
      this.kept = this.#unsaved === 0;
      this.#tell('kept');
    });
    return this.#saved;
  }

  /** Whether what is painted is kept on this device. */
  get keeps() {
    return this.#keep !== null;
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
