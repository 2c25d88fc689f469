/** A batch's job, cut into shards: the seam between who has shards to give and who writes them. */
import { createHash } from 'node:crypto';
import { contentOf, defaultFormat, FORMATS } from './formats/formats.js';
import { failure } from './inputs.js';
import { modelSum } from './model-sum.js';
import { BATCH, checkOptions, checkShardSize, OF_TASK, WRITE, wrongValue } from './options.js';
import { errorOf, rowOf } from './pictures.js';
import { errorsIn } from './rows.js';
import { openStore } from './stores.js';
import { answersOf, openTask, TASKS } from './tasks.js';

const JOB_FILE = 'batch.json';
/** What a shard's file is called, and its ending. */
export const SHARD_NAME = /^\d{5,}-[0-9a-f]{16}\.([a-z]+)$/;
// One that an engine works on, and one that is read meanwhile.
const PICTURES_PER_ENGINE = 2;
const KEY_DIGITS = 16;

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/**
 * Opens a job: what is to be done with pictures, by which model, written how and where. `beit`: the module beit-wasm. The model
 * is loaded when the first shard is written.
 */
export async function openJob(beit, given) {
  const { task, model, output, options = {}, load = {}, signal = null } = checkOptions(beit, given, BATCH);
  if (!TASKS.includes(task)) throw wrongValue(beit, 'task', task, TASKS.join(', '));
  const fitting = Object.keys(FORMATS).filter((name) => FORMATS[name].tasks.includes(task));
  const { format = defaultFormat(task) } = given;
  checkOptions(beit, options, OF_TASK[task], `options of ${task}`);
  if (!fitting.includes(format)) throw wrongValue(beit, 'format', format, `${fitting.join(', ')} for ${task}`);
  const source = await beit.resolveSource(model, given.source ?? {});
  const sum = await modelSum(source, { tokenizer: task === 'tokenize', signal });
  const all = task === 'tokenize' ? { ...options, size: options.size ?? { height: 112, width: 112 } } : options;
  const facts = { task, format, model: source.label, sum, options: { ...all, ...(load.dtype && { dtype: load.dtype }) } };
  const store = await openStore(beit, output);
  return new Job(beit, source, facts, store, { load, options: all, engines: given.engines, threads: given.threads, device: given.device });
}

/** Returns the facts of the batch that a store has, or null where it has none. */
export async function factsOf(beit, store) {
  const text = await store.read(JOB_FILE);
  if (text === null) return null;
  const malformed = (what, cause) => failure(beit, 'malformed', store.path(JOB_FILE), `it is no file of beit batch (${what})`, cause);
  let facts;
  try {
    facts = JSON.parse(text);
  } catch (error) {
    throw malformed(error.message, error);
  }
  if (!facts?.task || !facts.options) throw malformed('it has no task and options');
  return facts;
}

class Job {
  #beit;
  #source;
  #how;
  #opening = null;
  #pool = null;

  constructor(beit, source, facts, store, how) {
    this.#beit = beit;
    this.#source = source;
    this.#how = how;
    /** Task, format, model, its sum and all options, as shards have them. */
    this.facts = facts;
    this.store = store;
    this.output = store.output;
  }

  /** How many engines there are; 0 before the first shard. */
  get engines() {
    return this.#pool?.engines ?? 0;
  }

  /** Cuts pictures into shards of `size`: { number, name, pictures }. A shard's name is what it holds. */
  shardsOf(pictures, size) {
    checkShardSize(this.#beit, size);
    const shards = [];
    for (let from = 0; from < pictures.length; from += size) shards.push(this.#shard(shards.length, pictures.slice(from, from + size)));
    return shards;
  }

  #shard(number, pictures) {
    const { ending } = FORMATS[this.facts.format];
    const { model, ...content } = this.facts; // the same weights may lie elsewhere
    const key = sha256(JSON.stringify([content, pictures])).slice(0, KEY_DIGITS);
    return { number, name: `${String(number).padStart(5, '0')}-${key}.${ending}`, pictures };
  }

  /**
   * Makes the folder, and returns which of these shards it has. Rejects where it holds others: of another model, of other options or of other
   * pictures.
   */
  async finished(shards) {
    const { store, output } = this;
    await store.prepare();
    const before = await factsOf(this.#beit, store);
    const refuse = (what) => failure(this.#beit, 'invalid-argument', output, `${what}; name another folder, or remove what is in it`);
    if (before) {
      const { facts } = this;
      for (const name of ['task', 'format', 'sum', 'options']) {
        const [old, now] = [before[name], facts[name]].map((value) => JSON.stringify(value));
        if (old === now) continue;
        if (name === 'sum') throw refuse(`its shards are of another model (${before.model}, sum ${old}, not ${facts.model}, sum ${now})`);
        throw refuse(`its shards were made with ${name} ${old}, not ${now}`);
      }
    }
    const names = new Set(shards.map(({ name }) => name));
    const there = (await store.list()).filter((name) => SHARD_NAME.test(name));
    const other = there.find((name) => !names.has(name));
    if (other) throw refuse(`its shard ${other} is of other pictures than these, or of another number of them (--shard-size)`);
    if (!before) await store.write(JOB_FILE, Buffer.from(`${JSON.stringify(this.facts, null, 2)}\n`));
    return new Set(there);
  }

  /** Removes what a process that was killed has left. What lies there besides, and what another process of this machine is writing, stays. */
  tidy() {
    return this.store.tidy((name) => name === JOB_FILE || SHARD_NAME.test(name));
  }

  /** Returns how many pictures of a shard that is finished have failed. */
  errorsIn({ name }) {
    return errorsIn(this.#beit, this.store, name);
  }

  /** Makes the engines and loads the model, if that has not been done. */
  open(signal) {
    this.#opening ??= this.#open(signal).catch(async (error) => {
      this.#opening = null;
      await this.#pool?.dispose();
      throw error;
    });
    return this.#opening;
  }

  async #open(signal) {
    const { engines, threads, device, load, options } = this.#how;
    const { holdsBytes } = FORMATS[this.facts.format];
    this.#pool = await this.#beit.createPool({ engines, threads, device });
    return openTask(this.#beit, this.#pool, this.facts.task, this.#source, { options, load: { ...load, signal }, maps: holdsBytes });
  }

  /**
   * Makes a shard's rows and writes them. Returns { path, rows, errors }. `signal` puts the shard back: nothing is written. `onPicture`
   * is told each row, `onBegun` that all pictures are under way: then the next shard may begin. With `stop` a picture that fails ends the shard.
   * `onFull` is told that the disk has no room; when it resolves, writing is tried again.
   */
  async write({ name, pictures }, given = {}) {
    const { onPicture, onBegun, onFull, onError = 'skip' } = checkOptions(this.#beit, given, WRITE);
    const signal = given.signal ?? new AbortController().signal;
    const opened = await this.open(signal);
    const rows = new Array(pictures.length);
    let next = 0;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const work = async () => {
      while (next < pictures.length) {
        either.throwIfAborted();
        const place = next++;
        if (next === pictures.length) onBegun?.();
        const row = await rowOf(this.#beit, pictures[place], (bytes) => opened.work(bytes, either), either);
        onPicture?.(row);
        if (row.status === 'error' && onError === 'stop') throw errorOf(this.#beit, row);
        rows[place] = row;
      }
    };
    const workers = Array.from({ length: this.engines * PICTURES_PER_ENGINE }, () =>
      work().catch((error) => {
        ended.abort(error);
        throw error;
      }),
    );
    const [failed] = (await Promise.allSettled(workers)).filter(({ status }) => status === 'rejected');
    if (failed) throw ended.signal.reason ?? failed.reason;
    const content = await contentOf(this.facts.format, {
      rows,
      answers: answersOf(this.facts.task),
      vectorLength: opened.vectorLength,
      facts: this.facts,
      beit: this.#beit,
    });
    for (let isWritten = false; !isWritten; ) {
      signal.throwIfAborted();
      try {
        await this.store.write(name, content, signal);
        isWritten = true;
      } catch (error) {
        signal.throwIfAborted();
        if (error.code !== 'quota' || !onFull) throw error;
        await onFull(error);
      }
    }
    return { path: this.store.path(name), rows: rows.length, errors: rows.filter(({ status }) => status === 'error').length };
  }

  async dispose() {
    await this.#opening?.catch(() => undefined);
    await this.#pool?.dispose();
  }
}
