// @ts-check
/** Teaching labels by strokes over the picture of the tab Segment. */
import { announce, part } from '../../page/dom.js';
import { download } from '../../page/download.js';
import { percent } from '../../page/format.js';
import { LoadingTeller } from '../../page/progress.js';
import { explainLoading, factsOf } from '../../page/sentences.js';
import { Keep, REASONS } from '../../teach/keep.js';
import { SegmentationTeacher } from '../../teach/teaching.js';
import { ZipFolder } from '../../teach/zip.js';
import { Brush } from './brush.js';
import { LabelList } from './labels.js';
import { layOutStrokes } from './layout.js';
import { Lesson } from './lesson.js';

/** @import { ForwardCallOptions, ImageSegmentationPipeline, ImageInput, Segmentation } from '../../library.js' */
/** @import { Model } from '../../models/model.js' */
/** @import { Frame } from '../../pictures/frame.js' */
/** @import { StrokeState } from './lesson.js' */

const FOLDER = 'beit-wasm-strokes';

export class Strokes {
  /** @type {HTMLElement} */
  #section;
  #lesson = new Lesson();
  #labels;
  #brush;
  #model;
  #does;
  #erasing = false;
  /** The lesson's teacher, and the model whose checkpoint it has. @type {{ use: unknown, teacher: Promise<SegmentationTeacher> } | null} */
  #opened = null;
  /** What is kept, by checkpoint: the page has each place until it is closed. @type {Map<string, Keep<StrokeState> | null>} */
  #keeps = new Map();
  #keepReason = '';
  /** What the checkpoint is called that the lesson is of. */
  #name = '';
  /** Whether the answer that is seen is the head's. */
  #taught = false;

  /**
   * Makes it, below `before`.
   * @param {object} parts
   * @param {HTMLElement} parts.before
   * @param {Frame} parts.frame
   * @param {Model<ImageSegmentationPipeline>} parts.model
   * @param {object} does
   * @param {(answer: Segmentation) => void} does.answer called with an answer to the picture that is seen
   * @param {() => void} does.again called when the picture is to be worked on anew
   */
  static async open({ before, frame, model }, does) {
    const section = await layOutStrokes();
    before.after(section);
    return new Strokes(section, frame, model, does);
  }

  /**
   * @param {HTMLElement} section
   * @param {Frame} frame
   * @param {Model<ImageSegmentationPipeline>} model
   * @param {{ answer: (answer: Segmentation) => void, again: () => void }} does
   */
  constructor(section, frame, model, does) {
    this.#section = section;
    this.#model = model;
    this.#does = does;
    const lesson = this.#lesson;
    this.#brush = new Brush(frame, { stroke: (points, width) => this.#stroke(points, width), key: (key) => this.#key(key) });
    this.#labels = new LabelList(part(section, 'stroke-labels', HTMLUListElement), {
      choose: () => {
        this.#erase(false);
        const { chosen } = this.#labels;
        if (chosen) this.#brush.color = cssOf(chosen.color);
      },
      rename: (label, name) => {
        const done = lesson.rename(label, name);
        this.#tell(done || name === '' ? '' : `There is a label ${name} already.`);
        return done;
      },
      remove: (label) => {
        const count = lesson.strokes.filter((stroke) => stroke.label === label.name).length;
        if (count === 0 || confirm(`Forget ${label.name} and its ${count} strokes, on all pictures?`)) lesson.remove(label);
      },
    });
    this.#wire();
  }

  #wire() {
    const section = this.#section;
    const lesson = this.#lesson;
    const on = (/** @type {string} */ name, /** @type {() => unknown} */ work) =>
      part(section, name, HTMLButtonElement).addEventListener('click', async () => {
        try {
          await work();
        } catch (error) {
          this.#tell(`That did not work. ${factsOf(error).message}`);
        }
      });
    on('add-label', () => {
      const label = lesson.add();
      this.#labels.choose(label);
      this.#labels.focus(label);
    });
    on('undo', () => lesson.undo());
    on('erase', () => this.#erase(!this.#erasing));
    on('save-strokes', () => {
      const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (this.#teacher.project());
      download(new Blob([bytes]), 'strokes.safetensors');
      this.#tell('The project has the strokes and what the model saw under them, but not the pictures.');
    });
    on('save-segmenter', async () => {
      if (!lesson.fit) throw new Error('Paint two labels first.');
      const zip = new ZipFolder();
      await this.#teacher.save(zip);
      download(zip.toBlob(), 'segmenter.zip');
      this.#tell('Unpacked, the zip is a folder that transformers reads, and so does beit-wasm.');
    });
    on('clear-strokes', () => {
      const { length } = lesson.strokes;
      if (length === 0 || confirm(`Forget all ${length} strokes and their labels?`)) lesson.clear();
    });
    const file = part(section, 'open-strokes', HTMLInputElement);
    file.addEventListener('change', async () => {
      const [chosen] = file.files ?? [];
      file.value = '';
      if (!chosen) return;
      try {
        const count = lesson.join(new Uint8Array(await chosen.arrayBuffer()));
        this.#tell(`${count} strokes have been joined.`);
      } catch (error) {
        this.#tell(`That did not work. ${factsOf(error).message}`);
      }
    });
    const brush = part(section, 'brush', HTMLInputElement);
    const widen = () => {
      this.#brush.share = Number(brush.value) / 100;
    };
    brush.addEventListener('input', widen);
    widen();
    lesson.addEventListener('change', () => this.#show());
    lesson.addEventListener('answer', () => this.#answered());
    lesson.addEventListener('failed', () => this.#tell(`That did not work. ${factsOf(lesson.error).message}`));
    lesson.addEventListener('kept', () => this.#tellKept());
    new ResizeObserver(() => this.#showStrokes()).observe(section);
  }

  /** Shows or hides all of it. @param {boolean} shown */
  toggle(shown) {
    this.#section.hidden = !shown;
    if (!shown) this.#brush.take(null);
  }

  /** There is no picture to paint on until it has been worked on. */
  wait() {
    this.#brush.take(null);
  }

  /**
   * Segments an image by the head, or, as long as there is none, by the model itself.
   * @param {ImageSegmentationPipeline} use
   * @param {ImageInput} image
   * @param {ForwardCallOptions} call
   * @param {string} key names the picture that is painted on from now on
   * @returns {Promise<Segmentation>}
   */
  async work(use, image, call, key) {
    const teacher = await this.#teacherOf(use);
    const map = await teacher.look(image, call);
    call.signal?.throwIfAborted();
    await this.#lesson.look({ map, key });
    call.signal?.throwIfAborted();
    this.#brush.take(map);
    this.#showStrokes();
    const { answer } = this.#lesson;
    this.#taught = answer !== null;
    if (answer) return this.#colored(answer);
    const own = await use(image, call);
    // A stroke may have made a head meanwhile.
    const { answer: late } = this.#lesson;
    return late ? this.#colored(late) : own;
  }

  /**
   * Segments a frame of the camera, which is not painted on.
   * @param {ImageSegmentationPipeline} use
   * @param {ImageInput} frame
   */
  async glance(use, frame) {
    const { fit, teacher } = this.#lesson;
    return fit && teacher ? this.#colored(await teacher.segment(frame)) : use(frame);
  }

  get #teacher() {
    const { teacher } = this.#lesson;
    if (!teacher) throw new Error('The model is not ready.');
    return teacher;
  }

  /**
   * Returns the teacher of the model that is used, which is opened if need be.
   * @param {ImageSegmentationPipeline} use
   */
  #teacherOf(use) {
    if (this.#opened?.use !== use) {
      const before = this.#opened?.teacher ?? null;
      const opened = (this.#opened = { use, teacher: this.#openTeacher(before) });
      opened.teacher.catch(() => {
        if (this.#opened === opened) this.#opened = null; // the next time it is tried again
      });
    }
    return this.#opened.teacher;
  }

  /** @param {Promise<SegmentationTeacher> | null} before which is given back */
  async #openTeacher(before) {
    const { chosen, options } = this.#model;
    const { dtype: _, ...rest } = options;
    const name = chosen?.name ?? 'page';
    const lesson = this.#lesson;
    const lost = await before?.catch(() => null);
    const again = lost && name === this.#name ? { project: lost.project(), labels: lesson.labels.map((label) => label.name) } : null;
    lesson.teacher = null;
    await lost?.dispose().catch(() => undefined); // its engine may have stopped
    const teller = new LoadingTeller();
    this.#tell('Opening the model to be taught …');
    /** @type {SegmentationTeacher | null} */
    let teacher = null;
    try {
      teacher = await SegmentationTeacher.from(chosen?.source ?? null, {
        ...rest,
        onProgress: (progress) => this.#tell(teller.tell(progress).text),
      });
      await lesson.begin(teacher, await this.#keepOf(name), again);
      this.#name = name;
      this.#tell('');
      this.#tellKept();
      return teacher;
    } catch (error) {
      lesson.teacher = null;
      await teacher?.dispose().catch(() => undefined);
      this.#tell(explainLoading(error).sentence);
      throw error;
    }
  }

  /**
   * Returns the place for what is taught on a checkpoint, or null.
   * @param {string} name
   */
  async #keepOf(name) {
    let keep = this.#keeps.get(name);
    if (keep === undefined) {
      const opened = await Keep.open(`${FOLDER}-${name.replace(/[^\w.-]/g, '_')}`);
      this.#keepReason = typeof opened === 'string' ? REASONS[opened] : '';
      keep = typeof opened === 'string' ? null : /** @type {Keep<StrokeState>} */ (/** @type {unknown} */ (opened));
      this.#keeps.set(name, keep);
    }
    return keep;
  }

  /**
   * @param {readonly (readonly [number, number])[]} points
   * @param {number} width
   */
  #stroke(points, width) {
    const lesson = this.#lesson;
    const { chosen } = this.#labels;
    this.#tell('');
    if (this.#erasing) {
      const count = lesson.erase(lesson.here.filter((stroke) => touches(stroke, points, width)));
      announce(count === 0 ? 'There was no stroke.' : `${count} ${count === 1 ? 'stroke' : 'strokes'} erased.`);
    } else if (!chosen) {
      this.#tell('Add a label first.');
    } else {
      lesson.paint(chosen, points, width);
    }
  }

  /** @param {string} key */
  #key(key) {
    const label = /^[1-9]$/.test(key) ? this.#lesson.labels[Number(key) - 1] : undefined;
    if (label) {
      this.#labels.choose(label);
      announce(`Painting ${label.name}.`);
    } else if (key === 'e') {
      this.#erase(!this.#erasing);
      announce(this.#erasing ? 'Erasing.' : 'Painting.');
    } else if (key === 'u' && this.#lesson.canUndo) {
      this.#lesson.undo();
      announce('The last step was taken back.');
    }
    return label !== undefined || key === 'e' || key === 'u';
  }

  /** @param {boolean} erasing */
  #erase(erasing) {
    this.#erasing = erasing;
    part(this.#section, 'erase', HTMLButtonElement).setAttribute('aria-pressed', String(erasing));
    const { chosen } = this.#labels;
    this.#brush.color = erasing || !chosen ? 'rgb(0 0 0 / .6)' : cssOf(chosen.color);
  }

  #show() {
    const { labels, strokes, canUndo } = this.#lesson;
    this.#labels.show(labels, ({ name }) => strokes.filter(({ label }) => label === name).length);
    part(this.#section, 'undo', HTMLButtonElement).disabled = !canUndo;
    this.#showStrokes();
    this.#judge();
  }

  #showStrokes() {
    const lesson = this.#lesson;
    this.#brush.show(
      lesson.here.map(({ label, points, width }) => ({ points, width, color: cssOf(lesson.named(label)?.color ?? [0, 0, 0]) })),
    );
  }

  #answered() {
    const { answer } = this.#lesson;
    this.#judge();
    if (!answer) {
      if (this.#taught) this.#does.again();
      return;
    }
    this.#taught = true;
    this.#does.answer(this.#colored(answer));
    announce(part(this.#section, 'strokes-verdict', HTMLElement).textContent ?? '');
  }

  #judge() {
    const { fit, ready } = this.#lesson;
    let text = 'Paint two labels: then the picture answers.';
    if (ready && fit) {
      const names = fit.wrong.map(({ label, answer }) => `${label} for ${answer}`);
      text =
        fit.accuracy === null
          ? 'It answers. With a second stroke of each label it tells how often it is right.'
          : `Right on ${percent(fit.accuracy)} of what is under the strokes, each judged without itself.` +
            (names.length === 0 ? '' : ` Taken for something else: ${[...new Set(names)].join(', ')}.`);
    }
    part(this.#section, 'strokes-verdict', HTMLElement).textContent = text;
  }

  /**
   * Gives labels the colours that they are painted in.
   * @param {Segmentation} answer
   */
  #colored(answer) {
    const legend = answer.legend.map((entry) => ({ ...entry, color: this.#lesson.named(entry.label)?.color ?? entry.color }));
    return { ...answer, legend };
  }

  /** @param {string} sentence */
  #tell(sentence) {
    part(this.#section, 'strokes-told', HTMLElement).textContent = sentence;
  }

  #tellKept() {
    const { keeps, kept, unread } = this.#lesson;
    const reason = this.#keepReason || (unread ? REASONS.unread : REASONS.none);
    const text = keeps ? (kept ? 'Kept on this device.' : 'Keeping …') : reason;
    part(this.#section, 'strokes-kept', HTMLElement).textContent = text;
  }
}

const cssOf = (/** @type {readonly number[]} */ color) => `rgb(${color.join(' ')})`;

/**
 * Returns whether a stroke is touched by a brush that goes along these points.
 * @param {{ points: readonly (readonly [number, number])[], width: number }} stroke
 * @param {readonly (readonly [number, number])[]} way
 * @param {number} width
 */
function touches(stroke, way, width) {
  const reach = (stroke.width + width) / 2;
  const trail = fine(way, reach);
  return fine(stroke.points, reach).some(([x, y]) => trail.some(([a, b]) => Math.hypot(x - a, y - b) <= reach));
}

/**
 * Returns points no further apart than `step`.
 * @param {readonly (readonly [number, number])[]} points
 * @param {number} step
 */
function fine(points, step) {
  return points.flatMap(([x, y], i) => {
    const [a, b] = points[i + 1] ?? [x, y];
    const count = Math.max(1, Math.ceil(Math.hypot(a - x, b - y) / step));
    return Array.from({ length: count }, (_, k) => /** @type {const} */ ([x + ((a - x) * k) / count, y + ((b - y) * k) / count]));
  });
}
