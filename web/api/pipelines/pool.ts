/** Engines side by side, for many pictures: each has its own thread, model and picture. */
import { platform } from '#platform';
import { tell } from '../../base/callbacks.js';
import { asyncDisposeSymbol, disposeSymbol } from '../../base/dispose.js';
import { BeitError, kindOf, mismatch } from '../../base/errors.js';
import { checkNames } from '../../base/option-names.js';
import { givenOptions } from '../../base/options.js';
import { abortable, following } from '../../base/scheduling.js';
import type { CallOptions, Engine, LoadCallOptions, MemoryUse, Progress, RuntimeInfo } from '../../engine/engine.js';
import { ReadOnce } from '../../sources/read-once.js';
import type { SourceLike, SourceOptions } from '../../sources/source.js';
import { sourceOf } from '../configure.js';
import { createEngine, infoOf, type EngineOptions } from '../engines.js';
import type { ImageInput } from '../images.js';
import { RUNTIME } from '../options.js';
import { goneOf } from './base.js';
import { pipeline, type Task, type Tasks } from './pipeline.js';
import { asTheyCome, streamed, type Images, type PooledResult, type StreamOptions } from './stream.js';

export interface PoolOptions extends Omit<EngineOptions, 'engine' | 'worker'> {
  /** How many engines, 1 to 64. Default: as many as give each of its threads a processor, at most 8 */
  engines?: number | undefined;
  /** Of each engine. Default: 1 */
  threads?: number | undefined;
}

/** Something that an engine holds, such as a model, a pipeline or a tokenizer. */
interface Held {
  dispose(): Promise<void>;
}

/** The same thing on each engine of a pool. */
export interface Pooled<Part> {
  /**
   * Does `work` with the one whose engine has the least to do. Where that engine is lost it is made anew, and the work is done
   * once more; `again: false` leaves that to the caller.
   */
  run<T>(work: (part: Part) => Promise<T>, options?: { signal?: AbortSignal | null | undefined; again?: boolean }): Promise<T>;
  dispose(): Promise<void>;
}

type ResultOf<T extends Task> = Tasks[T]['pipeline'] extends (image: ImageInput, options?: infer Options) => Promise<infer Result>
  ? { options: Options & CallOptions; result: Result }
  : never;

/** A pipeline on each engine of a pool, which is called like one. */
export type PooledPipeline<T extends Task> = Tasks[T]['pipeline'] & {
  /** Yields answers as they come, each with the place of its image. An image that fails has an error in its answer. */
  results(
    images: Images,
    options?: ResultOf<T>['options'] & Pick<StreamOptions, 'prefetch'>,
  ): AsyncGenerator<PooledResult<ResultOf<T>['result']>, void, undefined>;
};

/** Engines side by side. */
export interface EnginePool {
  /** How many there are. */
  readonly engines: number;
  /** Opens a task's pipeline on each engine; what a server or a stream has is read once for all. */
  pipeline<T extends Task>(
    task: T,
    source?: SourceLike | null,
    options?: Omit<Tasks[T]['options'], 'engine' | 'restart'>,
  ): Promise<PooledPipeline<T>>;
  /** Opens anything on each engine. */
  open<Part extends Held>(make: (engine: Engine) => Promise<Part>): Promise<Pooled<Part>>;
  /** Returns what one of the engines uses. */
  runtimeInfo(): RuntimeInfo;
  /** Returns the sums of all engines. */
  memory(): Promise<MemoryUse>;
  dispose(): Promise<void>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const NAMES = ['engines', ...Object.keys(RUNTIME).filter((name) => name !== 'worker')];
const MOST_ENGINES = 64;
const MOST_BY_DEFAULT = 8;
// One that is worked on, and one whose file is read and decoded meanwhile.
const PICTURES_PER_ENGINE = 2;
// Of a load whose first engine fetches a file that the others then read where it is kept.
const FIRST_SHARE = 0.8;

/**
 * Returns engines that work side by side, each in a worker: for throughput. An engine that is lost is made anew. Rejects like
 * createEngine().
 * @example
 * ```js
 * import { createPool } from 'beit-wasm';
 *
 * const pool = await createPool();
 * const classify = await pool.pipeline('image-classification', 'microsoft/beit-base-patch16-224');
 * for await (const { index, result, error } of classify.results(fileInput.files)) console.log(index, error ?? result);
 * await pool.dispose();
 * ```
 */
export async function createPool(given: PoolOptions = {}): Promise<EnginePool> {
  checkNames('createPool()', given, NAMES);
  const { engines, threads = 1, ...options } = givenOptions(given);
  const { cores } = platform.host();
  const count =
    engines ?? Math.max(1, Math.min(MOST_BY_DEFAULT, Math.floor(cores / (typeof threads === 'number' && threads > 0 ? threads : cores))));
  if (!Number.isInteger(count) || count < 1 || count > MOST_ENGINES)
    throw mismatch('invalid-argument', 'engines', kindOf(engines), `a whole number from 1 to ${MOST_ENGINES}`);
  const slots = Array.from({ length: count }, () => new Slot(() => createEngine({ ...options, threads, worker: true })));
  const opened = new Set<Held>();
  const dispose = async (): Promise<void> => {
    for (const one of [...opened]) await one.dispose();
    await Promise.all(slots.map((slot) => slot.dispose()));
  };
  const open = async <Part extends Held>(
    make: (engine: Engine, place: number) => Promise<Part>,
    gone = (): BeitError => new BeitError('disposed', 'This part of a pool has been disposed of.', { where: 'pool' }),
    oneFirst = false,
  ) => {
    const pooled = new PooledParts(slots, make, () => opened.delete(pooled), gone);
    opened.add(pooled);
    try {
      await pooled.openAll(oneFirst);
    } catch (error) {
      await pooled.dispose();
      throw error;
    }
    return pooled;
  };
  try {
    await Promise.all(slots.map((slot) => slot.ready()));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    engines: count,
    open: (make) => open(make),
    pipeline: (task, source, own) => openPipeline(slots, open, task, source, own === undefined ? {} : own),
    runtimeInfo: () => infoOf(slots[0]!.last!),
    memory: () => memoryOf(slots),
    dispose,
    [disposeSymbol]: () => void dispose(),
    [asyncDisposeSymbol]: dispose,
  };
}

/** The place of an engine, which may be made anew. */
class Slot {
  /** Pictures under way. */
  busy = 0;
  last: Engine | null = null;
  private making: Promise<Engine> | null = null;
  private disposed = false;

  constructor(private readonly make: () => Promise<Engine>) {}

  /** Returns the engine, another one where it is lost. */
  ready(): Promise<Engine> {
    if (this.disposed) return Promise.reject(new BeitError('disposed', 'This pool has been disposed of.', { where: 'pool' }));
    if (this.last?.usable === false) this.making = this.last = null;
    this.making ??= this.make().then(
      (engine) => (this.last = engine),
      (error: unknown) => {
        this.making = null;
        throw error;
      },
    );
    return this.making;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.making?.then((engine) => engine.dispose()).catch(() => undefined);
  }
}

class PooledParts<Part extends Held> implements Pooled<Part>, Held {
  /** One of them. */
  sample: Part | null = null;
  private readonly parts = new Map<Slot, { engine: Engine; part: Promise<Part> }>();
  private disposed = false;

  constructor(
    private readonly slots: readonly Slot[],
    private readonly make: (engine: Engine, place: number) => Promise<Part>,
    private readonly onDispose: () => void,
    private readonly gone: () => BeitError,
  ) {}

  async openAll(oneFirst: boolean): Promise<void> {
    if (oneFirst) await this.partOf(this.slots[0]!);
    const [failed] = (await Promise.allSettled(this.slots.map((slot) => this.partOf(slot)))).filter(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }

  async run<T>(work: (part: Part) => Promise<T>, options: { signal?: AbortSignal | null | undefined; again?: boolean } = {}): Promise<T> {
    const { signal, again = true } = givenOptions(options);
    const attempt = async (): Promise<T> => {
      const slot = this.slots.reduce((best, other) => (other.busy < best.busy ? other : best));
      ++slot.busy;
      try {
        return await work(await abortable(this.partOf(slot), signal, () => undefined));
      } finally {
        --slot.busy;
      }
    };
    try {
      return await attempt();
    } catch (error) {
      if (!again || !(error instanceof BeitError) || error.code !== 'engine-lost') throw error;
      return attempt();
    }
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    this.onDispose();
    const parts = [...this.parts.values()];
    this.parts.clear();
    await Promise.all(parts.map(({ part }) => part.then((each) => each.dispose()).catch(() => undefined)));
  }

  private async partOf(slot: Slot): Promise<Part> {
    const engine = await slot.ready();
    if (this.disposed) throw this.gone();
    const held = this.parts.get(slot);
    if (held?.engine === engine) return held.part;
    const made = { engine, part: this.make(engine, this.slots.indexOf(slot)) };
    made.part.then(
      (part) => (this.sample = part),
      () => {
        if (this.parts.get(slot) === made) this.parts.delete(slot);
      },
    );
    this.parts.set(slot, made);
    return made.part;
  }
}

/** What is used of a pipeline, whatever its task. */
interface AnyPipeline extends Held {
  (image: unknown, options?: object): Promise<unknown>;
  model: unknown;
  processor: unknown;
  runtimeInfo(): RuntimeInfo;
}

async function openPipeline<T extends Task>(
  slots: readonly Slot[],
  open: (
    make: (engine: Engine, place: number) => Promise<AnyPipeline>,
    gone: () => BeitError,
    oneFirst: boolean,
  ) => Promise<PooledParts<AnyPipeline>>,
  task: T,
  given: SourceLike | null | undefined,
  options: SourceOptions & LoadCallOptions,
): Promise<PooledPipeline<T>> {
  const { controller, stop } = following(givenOptions(options).signal);
  const source = given == null ? null : await sourceOf(given, options);
  // Workers open folders by themselves, and what the first has kept of a download the others find.
  const description = source?.describe();
  const keeps = description?.kind === 'http' && (description.cache ?? platform.host().kind === 'browser') !== false;
  const once =
    source && (description === null || (description?.kind === 'http' && !keeps))
      ? new ReadOnce(source, slots.length, controller.signal)
      : null;
  // The first loads alone what is kept for the others, which takes most of the time.
  const shares = slots.map(() => 0);
  const part = keeps && slots.length > 1 ? FIRST_SHARE : 0;
  let loading = true;
  const make = async (engine: Engine, place: number): Promise<AnyPipeline> => {
    const onProgress = (progress: Progress): void => {
      shares[place] = progress.share;
      // The slowest is what is waited for.
      const least = Math.min(...shares);
      const isFirst = part > 0 && place === 0;
      const share = isFirst ? part * progress.share : part + (1 - part) * least;
      if (loading && (isFirst || progress.share === least)) tell(options.onProgress, { ...progress, share });
    };
    // The load's signal is about that only; an engine that is made anew reads the source by itself.
    const from = loading && once ? once.view() : source;
    try {
      return (await pipeline(task, from, { ...options, engine, onProgress, signal: loading ? controller.signal : null })) as AnyPipeline;
    } catch (error) {
      if (loading) controller.abort(error);
      throw error;
    }
  };
  try {
    return pooledPipeline<T>(task, slots, await open(make, () => goneOf(task), keeps));
  } finally {
    loading = false;
    stop();
    await once?.close();
  }
}

function pooledPipeline<T extends Task>(task: T, slots: readonly Slot[], pooled: PooledParts<AnyPipeline>): PooledPipeline<T> {
  const ahead = slots.length * PICTURES_PER_ENGINE - 1;
  const one = (image: unknown, options: CallOptions): Promise<unknown> =>
    pooled.run((part) => part(image, options), { signal: options.signal, again: !options.transfer });
  const stream = (images: Images, options: CallOptions & StreamOptions = {}) => streamed(images, options, one, ahead);
  const results = (images: Images, options: CallOptions & StreamOptions = {}) => asTheyCome(images, options, one, ahead);
  const run = async (images: unknown, options: CallOptions = {}): Promise<unknown> => {
    if (!Array.isArray(images)) return one(images, givenOptions(options));
    const all: unknown[] = [];
    for await (const result of stream(images, options)) all.push(result);
    return all;
  };
  const dispose = (): Promise<void> => pooled.dispose();
  const made = Object.assign(run, {
    task,
    stream,
    results,
    runtimeInfo: () => pooled.sample!.runtimeInfo(),
    memory: () => memoryOf(slots),
    dispose,
    [disposeSymbol]: () => void dispose(),
    [asyncDisposeSymbol]: dispose,
  });
  Object.defineProperties(made, {
    model: { enumerable: true, get: () => pooled.sample!.model },
    processor: { enumerable: true, get: () => pooled.sample!.processor },
  });
  return made as unknown as PooledPipeline<T>;
}

/** Returns the sums of all engines. */
async function memoryOf(slots: readonly Slot[]): Promise<MemoryUse> {
  const sum: MemoryUse = { heap: 0, used: 0, peak: 0, maximum: 0, gpu: 0 };
  for (const slot of slots) {
    const use = await (await slot.ready()).memory();
    for (const name of Object.keys(sum) as (keyof MemoryUse)[]) sum[name] += use[name];
  }
  return sum;
}
