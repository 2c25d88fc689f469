/** What every pipeline is: a processor, a model, and a function from an image to a result. */
import { asyncDisposeSymbol, disposeSymbol } from '../../base/dispose.js';
import { tell } from '../../base/callbacks.js';
import { BeitError, clauseOf, failure } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { abortable, following, throwIfAborted } from '../../base/scheduling.js';
import type { CallOptions, ForwardCallOptions, MemoryUse, RuntimeInfo } from '../../engine/engine.js';
import type { EngineTask, EngineTasks } from '../../engine/tasks/types.js';
import type { Source } from '../../sources/source.js';
import { BeitImageProcessor } from '../image-processor.js';
import { toEngineImage, type ImageInput } from '../images.js';
import type { PreTrainedModel } from '../model-base.js';
import { checkCall } from '../options.js';
import { streamed, type Images, type StreamOptions } from './stream.js';
import { heldBy, type PretrainedOptions } from '../pretrained.js';

/** A function from an image to a result; from a list of images to a list of results. */
export interface Pipeline<Name extends string, Model, Options, Result> {
  (image: ImageInput, options?: Options): Promise<Result>;
  (images: readonly ImageInput[], options?: Options): Promise<Result[]>;
  /**
   * Yields the results of images one by one, in their order, as they come: from a list, a FileList, or anything that is iterated,
   * also asynchronously. Ends the calls that run when the loop is left.
   * @example
   * ```js
   * for await (const labels of classify.stream(fileInput.files)) console.log(labels);
   * ```
   */
  stream(images: Images, options?: Options & StreamOptions & { onError?: 'throw' | undefined }): AsyncGenerator<Result, void, undefined>;
  stream(images: Images, options: Options & StreamOptions): AsyncGenerator<Result | BeitError, void, undefined>;
  readonly task: Name;
  /** Another one after a restart. */
  readonly model: Model;
  readonly processor: BeitImageProcessor;
  /** Returns what is used and, in a sentence, why. */
  runtimeInfo(): RuntimeInfo;
  memory(): Promise<MemoryUse>;
  /** Gives the model's and the processor's memory back. */
  dispose(): Promise<void>;
  [Symbol.dispose](): void;
  /** dispose(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PipelineOptions {
  /**
   * Whether a call after one that was rejected with `engine-lost` opens the source again, in a new engine, before it
   * runs; and whether a load in which the core stops begins once more, in a new engine.
   * A stream can be read only once, and an `engine` of the caller's is not replaced. Default: true
   */
  restart?: boolean | undefined;
}

interface Held {
  readonly usable: boolean;
  dispose(): Promise<void>;
}

/** What a pipeline has opened for itself. */
export interface Parts<Model> {
  model: Model;
  processor: BeitImageProcessor;
  tokenizer?: Held | null;
}

/** Has the parts' engine do a task as a whole. */
export async function runTask<T extends EngineTask>(
  task: T,
  { processor, model }: Parts<PreTrainedModel>,
  image: ImageInput,
  settings: EngineTasks[T]['settings'],
  call: ForwardCallOptions,
): Promise<EngineTasks[T]['result']> {
  checkCall(task, call, Object.keys(settings));
  const { handle } = heldBy(processor);
  const { engine, handle: modelHandle } = heldBy(model);
  throwIfAborted(call.signal);
  return engine.run(task, { processor: handle, model: modelHandle }, await toEngineImage(image, 'image', call), settings, call);
}

/** Opens the source's processor and its model at the same time, the first failure ending the other; nothing stays behind on a failure. */
export async function openParts<Model extends PreTrainedModel>(
  source: Source,
  options: PretrainedOptions,
  load: (signal: AbortSignal) => Promise<Model>,
): Promise<Parts<Model>> {
  const { controller, stop } = following(options.signal);
  const { signal } = controller;
  const end = (error: unknown): never => {
    controller.abort(error);
    throw error;
  };
  try {
    const [processor, model] = await Promise.allSettled([
      BeitImageProcessor.fromPretrained(source, { ...options, signal }).catch(end),
      load(signal).catch(end),
    ]);
    const opened = [processor, model].flatMap((part): Held[] => (part.status === 'fulfilled' ? [part.value] : []));
    try {
      if (processor.status === 'rejected') throw processor.reason;
      if (model.status === 'rejected') throw model.reason;
      // Their engine may have been lost, and made anew, in between.
      if (!processor.value.usable) throw failure('engine-lost', 'The engine', 'it was lost while the model was loaded');
      return { processor: processor.value, model: model.value };
    } catch (error) {
      for (const part of opened) await part.dispose();
      throw error;
    }
  } finally {
    stop();
  }
}

export async function disposeOf({ model, processor, tokenizer }: Parts<Held>): Promise<void> {
  await model.dispose();
  await processor.dispose();
  await tokenizer?.dispose();
}

/** Tells whether a core has trapped: a bug of ours, or of the engine (https://bugs.webkit.org/show_bug.cgi?id=289009, now and then). */
function isStopOfCore(error: unknown): boolean {
  return error instanceof BeitError && error.where === 'WebAssembly' && (error.code === 'internal' || error.code === 'engine-lost');
}

/** Returns the error of a task's pipeline that has been disposed of. */
export function goneOf(task: string): BeitError {
  return new BeitError('disposed', `This ${task} pipeline has been disposed of.`, { where: task });
}

/** Opens the parts, and returns the function that runs `one` for each image. */
export async function assemble<Name extends string, Options extends CallOptions, Result, P extends Parts<PreTrainedModel>>(
  task: Name,
  options: PretrainedOptions & PipelineOptions,
  open: (options: PretrainedOptions) => Promise<P>,
  one: (parts: P, image: ImageInput, options: Options) => Promise<Result>,
): Promise<Pipeline<Name, P['model'], Options, Result> & { parts(): P }> {
  const { restart = true, engine, onWarning } = options;
  const replaceable = restart && !engine;
  let parts = await open(options).catch((error: unknown) => {
    if (!replaceable || !isStopOfCore(error)) throw error;
    tell(onWarning, failure('engine-lost', 'pipeline', `the model is loaded once more, since ${clauseOf(error)}`, error));
    return open(options);
  });
  let opening: Promise<P> | null = null;
  let disposed = false;
  const gone = (): BeitError => goneOf(task);

  const reopen = async (): Promise<P> => {
    // The first load's signal is about that only.
    const made = await open({ ...options, signal: null });
    if (disposed) {
      await disposeOf(made);
      throw gone();
    }
    const lost = parts;
    parts = made;
    await disposeOf(lost);
    return made;
  };

  /** Returns the parts, of a new engine where theirs is lost. */
  const ready = async (signal: CallOptions['signal']): Promise<P> => {
    if (disposed) throw gone();
    const lost = [parts.model, parts.processor, parts.tokenizer].some((part) => part?.usable === false);
    if (!lost || !replaceable) return parts;
    opening ??= reopen().finally(() => {
      opening = null;
    });
    return abortable(opening, signal, () => undefined);
  };

  // One image at a time: memory stays that of one, and the cores are busy with one.
  const answer = async (images: ImageInput | readonly ImageInput[], given: Options): Promise<unknown> => {
    const current = await ready(givenOptions(given).signal);
    if (!Array.isArray(images)) return one(current, images as ImageInput, given);
    const results: Result[] = [];
    for (const image of images as readonly ImageInput[]) results.push(await one(current, image, given));
    return results;
  };
  const running = new Set<Promise<unknown>>();
  const run = async (images: ImageInput | readonly ImageInput[], given: Options = {} as Options): Promise<unknown> => {
    const call = answer(images, given);
    running.add(call);
    try {
      return await call;
    } finally {
      running.delete(call);
    }
  };
  const stream = (images: Images, given: Options & StreamOptions = {} as Options) =>
    streamed(images, given, (image, options) => run(image, options as Options));
  const dispose = async (): Promise<void> => {
    disposed = true;
    await Promise.allSettled(running); // pictures that are still read, too
    await disposeOf(parts);
  };
  const made = Object.assign(run, {
    task,
    stream,
    parts: () => parts,
    runtimeInfo: () => parts.model.runtimeInfo(),
    memory: () => parts.model.memory(),
    dispose,
    [disposeSymbol]: () => void dispose(),
    [asyncDisposeSymbol]: dispose,
  });
  Object.defineProperties(made, {
    parts: { enumerable: false },
    model: { enumerable: true, get: () => parts.model },
    processor: { enumerable: true, get: () => parts.processor },
  });
  return made as unknown as typeof made & Pipeline<Name, P['model'], Options, Result>;
}
