// @ts-check
/** One run of training on what was taught: it has to beat the head, and keeps the best that it comes to. */
import { pipeline } from '../../library.js';
import { Teacher } from '../teaching.js';
import { train } from '../training.js';
import { setApart } from './apart.js';
import { copyTo } from './shelf.js';

/** @import { ModelOptions, SourceLike } from '../../library.js' */
/** @import { Improved, Lessons } from '../lessons.js' */
/** @import { TrainingRun } from '../training.js' */
/** @import { Shelf } from './shelf.js' */

/**
 * @typedef {{ accuracy: number, loss: number }} Judged
 * @typedef {Judged & { step: number }} Point
 * @typedef {{ label: string, apart: boolean, from: number, to: number }} Picture a copy: from where to where in the file of all
 */

/**
 * What is kept of a run beside its files.
 * @typedef {object} Facts
 * @property {1} version
 * @property {'running' | 'stopped' | 'done'} status
 * @property {string | null} checkpoint the folder that it can go on from
 * @property {number} step which that one is of
 * @property {number} triedAt from which step it was gone on with last: twice from one, something is wrong
 * @property {Picture[]} pictures
 * @property {{ source: string | null, name: string }} base
 * @property {number} layer how many layers are trained
 * @property {number} layers
 * @property {number} epochs
 * @property {number} steps
 * @property {number} stepsPerEpoch
 * @property {Judged | null} head
 * @property {Point[]} points the trained model at the end of each epoch
 * @property {Point | null} best what is better than the head, and the best of all epochs
 * @property {number} [joined] after which step those set apart are learned from, too; where it is not said, they are not
 * @property {boolean} [whole] whether what answers has learned from all: the end of that run, which the best became
 * @property {string} [bestIn] the best's folder; the first where it is not said
 * @property {boolean} chosen whether the improved model answers
 */

/** About so many steps: more do not help with a few hundred pictures, as measured. */
const STEPS = 150;
const BATCH = 32;
const FEWEST_EPOCHS = 5;
/** After this share of the epochs it is known whether training beats the head: then those set apart are learned from, too. */
const JUDGED_SHARE = 0.6;
const MOST_EPOCHS = 40;

const HEAD = 'head';
const PICTURES = 'pictures';
/** One is the best's, one what answers was opened from, and one is free for the next: no file is written over that somebody reads. */
const BESTS = ['best', 'best-b', 'best-c'];
const CHECKPOINTS = ['checkpoint-a', 'checkpoint-b'];

/** Before this many steps it is not known how long one takes: the first one reads the pictures. */
const MEASURED_AFTER = 2;
/** What takes longer is asked about first. */
const PATIENCE_MS = 120_000;

/** @param {Facts} facts */
const bestIn = (facts) => facts.bestIn ?? /** @type {string} */ (BESTS[0]);

/**
 * Sends `change` whenever something is other than it was.
 */
export class Run extends EventTarget {
  /** What is going on. @type {'idle' | 'preparing' | 'asking' | 'running' | 'stopping' | 'stopped' | 'done' | 'failed'} */
  phase = 'idle';
  /** While preparing. */
  doing = '';
  /** @type {unknown} */
  error = null;
  /** @type {Facts | null} */
  facts = null;
  step = 0;
  /** @type {number | null} */
  millisecondsLeft = null;
  /** @type {Improved | null} */
  improved = null;
  #shelf;
  #optionsNow;
  #lessons;
  /** @type {TrainingRun | null} */
  #run = null;
  #stop = false;
  /** @type {(() => void) | null} */
  #goOn = null;
  /** Ends with what is going on. @type {Promise<void>} */
  #going = Promise.resolve();
  /** @type {number[]} */
  #stepMilliseconds = [];
  #judgeMilliseconds = 0;
  /** The folder that `improved` reads. @type {string | null} */
  #improvedFrom = null;
  /** Whether what was kept is taken up, or not wanted any more. */
  #restored = false;

  /**
   * @param {Lessons} lessons
   * @param {Shelf} shelf
   * @param {() => ModelOptions} options how models are run
   */
  constructor(lessons, shelf, options) {
    super();
    this.#lessons = lessons;
    this.#shelf = shelf;
    this.#optionsNow = options;
  }

  /** How models are run, in floats. */
  get #options() {
    const { dtype: _, ...options } = this.#optionsNow();
    return options;
  }

  get busy() {
    return ['preparing', 'asking', 'running', 'stopping'].includes(this.phase);
  }

  /**
   * Takes up what was kept, and goes on with it where it was running.
   * @returns whether that was done: else it may be tried again
   */
  async restore() {
    if (this.#restored) return true;
    this.#go(async () => {
      if (this.#restored) return;
      const facts = /** @type {Facts | null} */ (await this.#shelf.read());
      if (facts?.version !== 1) {
        this.#restored = true;
        return;
      }
      // Curves without anything going on are those of a run that is over: nothing is shown before it is known how it goes on.
      try {
        await this.#openBest(facts);
      } finally {
        [this.facts, this.step] = [facts, facts.step];
      }
      // Meanwhile somebody may have begun anew, or want none of it.
      const isWanted = !this.#restored && !this.#stop;
      this.#restored = true;
      if (isWanted && facts.status === 'running' && facts.checkpoint !== null && facts.triedAt < facts.step) return this.#resume();
      this.#become(phaseOf(facts));
    });
    await this.#going;
    return this.#restored;
  }

  /** Begins anew with the pictures that there are. */
  begin() {
    this.#restored = true;
    this.#go(async () => {
      if (await this.#prepare()) await this.#follow();
      else this.#become(phaseOf(this.facts));
    });
  }

  /** Goes on: after a stop, a reload, or a question. */
  goOn() {
    if (this.#goOn) {
      this.#goOn();
      return;
    }
    this.#restored = true;
    this.#go(() => this.#resume());
  }

  async #resume() {
    const facts = this.#known();
    this.#prepares('Going on where it was …');
    facts.triedAt = facts.step;
    facts.status = 'running';
    await this.#shelf.write(facts);
    await this.#openRun({ resume: await this.#shelf.files(/** @type {string} */ (facts.checkpoint)) });
    await this.#follow();
  }

  /** Ends behind the step that runs; the best so far stays. */
  stop() {
    this.#stop = true;
    this.#run?.stop();
    this.#goOn?.();
    if (this.phase !== 'preparing') this.#become('stopping');
  }

  /** Stops, and forgets all. */
  async forget() {
    this.stop();
    await this.#going;
    await this.#forgetFiles();
    this.#become('idle');
  }

  async #forgetFiles() {
    const { improved } = this;
    [this.improved, this.facts, this.step, this.error] = [null, null, 0, null];
    this.#improvedFrom = null;
    this.#changed(); // at once: nobody may ask what is given back
    await improved?.dispose();
    await this.#shelf.clear();
  }

  /**
   * Says whether the improved model is to answer.
   * @param {boolean} chosen
   */
  async choose(chosen) {
    const facts = this.#known();
    facts.chosen = chosen;
    this.#changed();
    await this.#shelf.write(facts);
  }

  /** @param {() => Promise<void>} work */
  #go(work) {
    [this.#stop, this.error] = [false, null];
    this.#going = this.#going
      .then(work)
      .catch((error) => {
        this.error = error;
        this.#become('failed');
      })
      .then(async () => {
        const run = this.#run;
        this.#run = null;
        await run?.dispose().catch(() => undefined);
      });
  }

  /**
   * Sets pictures apart, and fits a head to the others: what training has to beat. It begins with a new head: from the fitted one it gets worse.
   * The run before is forgotten when nothing is in the way.
   * @returns whether there is a run now: stopped before its head is fitted, there is none, and the one before stays
   */
  async #prepare() {
    const { teacher, layer, base, classes } = this.#lessons;
    if (!teacher) throw new Error('The model is not ready.');
    this.#prepares('Fitting the head to the pictures that are not set apart …');
    const project = teacher.project();
    const labels = new Set(classes.map(({ name }) => name));
    const copies = teacher.pictures.map((picture, number) => ({ ...picture, number, copy: this.#lessons.thumbnail(picture.id) }));
    const seen = copies.filter(({ copy, label }) => copy && labels.has(label));
    const apart = setApart(seen);
    if (!apart.includes(true))
      throw new Error('Each class has one recording only: record each once more, so that the second can tell how good it gets.');
    const learnt = new Set(seen.flatMap(({ number }, i) => (apart[i] ? [] : [number])));

    let at = 0;
    const pictures = seen.map(({ label, copy }, i) => {
      const from = at;
      at += /** @type {Blob} */ (copy).size;
      return { label, apart: apart[i] === true, from, to: at };
    });
    const all = new Uint8Array(await new Blob(seen.map(({ copy }) => /** @type {Blob} */ (copy))).arrayBuffer());

    const second = await Teacher.open(project, { ...this.#options, ...(base.source !== null && { source: base.source }) });
    const byHand = layer !== 'auto';
    try {
      second.remove(second.pictures.flatMap(({ id }, i) => (learnt.has(i) ? [] : [id])));
      await second.fit({ layer });
      if (this.#stop) return false;
      await this.#forgetFiles();
      await this.#shelf.fill(PICTURES, (target) => copyTo([new File([all], 'all')], target));
      await this.#shelf.fill(HEAD, (target) => second.save(target, { dtype: 'f32' }));
      const ofAll = Math.ceil(pictures.length / BATCH);
      this.facts = {
        version: 1,
        status: 'running',
        checkpoint: null,
        step: 0,
        triedAt: -1,
        pictures,
        base,
        layer: byHand ? layer : teacher.layers,
        layers: teacher.layers,
        epochs: Math.min(Math.max(Math.round(STEPS / ofAll), FEWEST_EPOCHS), MOST_EPOCHS),
        steps: 0,
        stepsPerEpoch: 0,
        head: null,
        points: [],
        best: null,
        chosen: true,
      };
    } finally {
      await second.dispose();
    }
    const facts = this.#known();
    facts.head = await this.#judgeHead();
    if (facts.head) {
      this.#prepares('Starting what trains …');
      const model = byHand ? await this.#shelf.files(HEAD) : (base.source ?? undefined);
      await this.#openRun({ model, head: 'new' });
    }
    await this.#shelf.write(facts);
    return true;
  }

  /**
   * Judges the head by the pictures set apart.
   * @returns {Promise<Judged | null>} null where it was stopped before it had seen all of them
   */
  async #judgeHead() {
    const { pictures } = this.#known();
    const all = await this.#pictures();
    const classify = await pipeline('image-classification', await this.#shelf.files(HEAD), this.#options);
    const begin = performance.now();
    let [right, loss, count] = [0, 0, 0];
    try {
      for (const { label, apart, from, to } of pictures) {
        if (this.#stop) return null;
        if (!apart) continue;
        const answers = await classify(all.slice(from, to), { topK: pictures.length });
        ++count;
        if (answers[0]?.label === label) ++right;
        loss -= Math.log(Math.max(answers.find((answer) => answer.label === label)?.score ?? 0, Number.MIN_VALUE));
      }
    } finally {
      await classify.dispose();
    }
    this.#judgeMilliseconds = performance.now() - begin;
    return { accuracy: right / Math.max(count, 1), loss: loss / Math.max(count, 1) };
  }

  async #pictures() {
    const [all] = await this.#shelf.files(PICTURES);
    if (!all) throw new Error('The copies of the pictures are not there any more: begin anew.');
    return all;
  }

  /** @param {{ model: SourceLike | undefined, head: 'new' } | { resume: SourceLike }} from */
  async #openRun(from) {
    const facts = this.#known();
    const all = await this.#pictures();
    const examples = facts.pictures.map(({ label, apart, from: first, to }) => ({ image: all.slice(first, to), label, apart }));
    const isJoined = facts.joined !== undefined;
    this.#run = train({
      ...this.#options,
      ...from,
      method: 'vectors',
      epochs: facts.epochs,
      batch: BATCH,
      data: examples.filter(({ apart }) => isJoined || !apart),
      validation: isJoined ? 0 : examples.filter(({ apart }) => apart),
    });
    ({ steps: facts.steps, stepsPerEpoch: facts.stepsPerEpoch } = await this.#run.open());
    this.step = facts.step;
  }

  async #follow() {
    const facts = this.#known();
    const run = /** @type {TrainingRun} */ (this.#run);
    this.#stepMilliseconds = [];
    if (this.#stop) return this.#end('stopped');
    this.#become('running');
    const apart = facts.pictures.filter((picture) => picture.apart).length;
    let begin = performance.now();
    for await (const { step, loss, validation } of run) {
      this.#stepMilliseconds.push(performance.now() - begin);
      this.step = step;
      this.#estimate(facts);
      if (validation) {
        const point = { step, accuracy: validation.accuracy, loss: validation.loss };
        facts.points.push(point);
        if (facts.head && isBest(point, facts.head, facts.points, apart)) {
          await this.#keepBest();
          facts.best = point;
        }
      }
      if (facts.joined !== undefined && step === facts.steps && Number.isFinite(loss)) {
        await this.#keepBest();
        facts.whole = true;
      }
      if (step % facts.stepsPerEpoch === 0 && step < facts.steps) await this.#checkpoint();
      this.#changed();
      if (this.#stop) break;
      if (validation && mayJoin(facts)) {
        await this.#join();
        return;
      }
      if (this.#stepMilliseconds.length === MEASURED_AFTER && facts.points.length === 0 && (this.millisecondsLeft ?? 0) > PATIENCE_MS)
        await this.#ask();
      begin = performance.now();
    }
    if (this.step < facts.steps) {
      if (facts.step !== this.step) await this.#checkpoint();
      return this.#end('stopped');
    }
    return this.#end('done');
  }

  /** Goes on with those that were set apart among those that are learned from. */
  async #join() {
    const facts = this.#known();
    facts.joined = facts.step;
    await this.#shelf.write(facts);
    await this.#run?.dispose();
    await this.#openRun({ resume: await this.#shelf.files(/** @type {string} */ (facts.checkpoint)) });
    await this.#follow();
  }

  /** Keeps the model as it is now as the best. */
  async #keepBest() {
    const facts = this.#known();
    const run = /** @type {TrainingRun} */ (this.#run);
    const free = /** @type {string} */ (BESTS.find((name) => name !== bestIn(facts) && name !== this.#improvedFrom));
    await this.#shelf.fill(free, (target) => run.save(target, { dtype: 'f16' }));
    facts.bestIn = free;
  }

  /** @param {Facts} facts */
  #estimate({ steps, stepsPerEpoch, joined }) {
    // The first reads the pictures; at the end of an epoch those that are set apart are judged, too.
    const later = this.#stepMilliseconds.slice(1);
    const plain = later.filter((_, i) => (this.step - later.length + i + 1) % stepsPerEpoch !== 0);
    const known = plain.length > 0 ? plain : later;
    if (known.length === 0) return;
    const middle = known.sort((a, b) => a - b)[known.length >> 1] ?? 0;
    const left = steps - this.step;
    const judged = plain.length > 0 && joined === undefined ? Math.ceil(left / stepsPerEpoch) : 0;
    this.millisecondsLeft = left * middle + judged * this.#judgeMilliseconds;
  }

  /** Waits until somebody says whether it may take so long. */
  async #ask() {
    this.#become('asking');
    await new Promise((/** @type {(value: void) => void} */ resolve) => (this.#goOn = resolve));
    this.#goOn = null;
    if (!this.#stop) this.#become('running');
  }

  /** Keeps the run as it is: in the folder that is not the last one's, so that one of them is whole. */
  async #checkpoint() {
    const facts = this.#known();
    const run = /** @type {TrainingRun} */ (this.#run);
    const name = /** @type {string} */ (CHECKPOINTS.find((other) => other !== facts.checkpoint));
    await this.#shelf.fill(name, (target) => run.save(target, { state: true }));
    [facts.checkpoint, facts.step] = [name, this.step];
    await this.#shelf.write(facts);
  }

  /** @param {'stopped' | 'done'} phase */
  async #end(phase) {
    const facts = this.#known();
    facts.status = phase;
    if (phase === 'done') {
      await this.#shelf.write({ ...facts, checkpoint: null });
      await this.#shelf.drop([HEAD, ...CHECKPOINTS]);
      facts.checkpoint = null;
    } else {
      await this.#shelf.write(facts);
    }
    await this.#openBest(facts);
    await this.#shelf.drop(BESTS.filter((name) => name !== bestIn(facts)));
    this.#become(phase);
  }

  /**
   * Opens the best, to answer with.
   * @param {Facts} facts
   */
  async #openBest(facts) {
    if (!facts.best) return;
    const folder = bestIn(facts);
    const files = await this.#shelf.files(folder);
    const classify = await pipeline('image-classification', files, this.#options);
    const { base, layer, layers, epochs, head, best, points, pictures } = facts;
    const counts = { pictures: pictures.length, apart: pictures.filter(({ apart }) => apart).length };
    const improved = {
      classify: (/** @type {File | ImageBitmap} */ image, /** @type {{ topK: number }} */ given) => classify(image, given),
      save: (/** @type {import('./shelf.js').Target} */ target) => copyTo(files, target),
      dispose: () => classify.dispose(),
      epochs,
      layer: layer === layers ? null : layer,
      facts: { base, layer, layers, epochs, ...counts, head, best, points },
    };
    const before = this.improved;
    [this.improved, this.#improvedFrom] = [improved, folder];
    if (!before) return;
    this.#changed(); // at once: nobody may ask what is given back
    await before.dispose();
  }

  #known() {
    if (!this.facts) throw new Error('There is no run.');
    return this.facts;
  }

  /** @param {string} doing */
  #prepares(doing) {
    this.doing = doing;
    this.#become('preparing');
  }

  /** @param {Run['phase']} phase */
  #become(phase) {
    this.phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * Returns what is said of a run that does not go on.
 * @param {Facts | null} facts
 */
function phaseOf(facts) {
  if (facts?.status === 'done') return 'done';
  return facts === null || facts.checkpoint === null ? 'idle' : 'stopped';
}

/**
 * Whether an epoch is the best so far: better than the head, and not worse than the most accurate one by more than chance, a standard error. The rate falls
 * to the end, so of those that a few dozen pictures cannot tell apart the last is the best.
 * @param {Judged} one
 * @param {Judged} head
 * @param {readonly Judged[]} points all so far
 * @param {number} total how many pictures judge
 */
export function isBest(one, head, points, total) {
  const beatsHead = one.accuracy > head.accuracy || (one.accuracy === head.accuracy && one.loss < head.loss);
  const most = Math.max(...points.map(({ accuracy }) => accuracy));
  return beatsHead && one.accuracy >= most - Math.sqrt((most * (1 - most)) / total);
}

/**
 * Whether enough is known of training without those set apart: it beats the head, and goes on for some epochs.
 * @param {Facts} facts at the end of an epoch
 */
function mayJoin({ step, steps, best, points }) {
  return step >= JUDGED_SHARE * steps && step < steps && best !== null && best.step === points.at(-1)?.step;
}
