/** Training a checkpoint on: all of its encoder, parts of it, or its vectors alone. */
import { asBytes } from '../../base/bytes.js';
import { DisposableObject } from '../../base/dispose.js';
import { BeitError, kindOf, mismatch } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { following, throwIfAborted, TurnQueue } from '../../base/scheduling.js';
import { convertedConfig } from '../../engine/conversion.js';
import type { LoadCallOptions } from '../../engine/engine.js';
import { partOf } from '../../engine/progress.js';
import type {
  OpenedTrainer,
  TrainerAnswers,
  TrainerCall,
  TrainerCalls,
  TrainerExample,
  TrainingEngine,
} from '../../engine/trainer-calls.js';
import type { FolderToWrite } from '../../platform/platform.js';
import { CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, type Source, type SourceOptions } from '../../sources/source.js';
import { readOptionalText, readText } from '../../sources/text.js';
import { asConfig } from '../config.js';
import { sourceOf } from '../configure.js';
import type { DalleHalf } from '../dalle-tokenizer.js';
import { createTrainingEngine, type EngineOptions } from '../engines.js';
import { toEngineImage } from '../images.js';
import { BeitImageProcessor } from '../image-processor.js';
import { checkCall, checkOpening } from '../options.js';
import { openBase, type BaseCheckpoint } from '../teaching/base-checkpoint.js';
import { CARD_FILE, folderOf, processorJson, type SaveTarget } from '../teaching/save.js';
import { begunWith, type Begun } from './begun.js';
import { maskedCard, trainedCard } from './card.js';
import { FilesInMemory, OPTIMIZER_FILE, readBytes, RECIPE_FILE, STATE_FILE, writeJson, writeTensors, writeText } from './files.js';
import { isBetter, judgedIn, judgedRow, learnedRow, trainerState, type LearnedStep, type TrainingStep, type Validation } from './log.js';
import { fullRecipe, RECIPE_NAMES, settingsOf, type FullRecipe, type LabelledImage, type TrainOptions } from './options.js';
import { partedBy, quotasOf } from './pictures.js';
import { maskingBy, openEncoder, planOf } from './plan.js';
import { checkSameData, readResumed } from './resumed.js';

/** Decoded pictures, and what frozen layers made of pictures, that are kept between epochs. */
const KEPT_BYTES = 256 << 20;
const KEPT_STATE_BYTES = 512 << 20;
/** Parts pictures: an epoch that no run comes to. */
const APART = 0xffffffff;

/** What a run is, once its model is there. */
export interface TrainingFacts {
  /** None of masked images. */
  labels: string[];
  /** Pictures that are learned from, and those that are set apart. */
  pictures: number;
  validation: number;
  steps: number;
  stepsPerEpoch: number;
  /** Numbers of the model, and those of them that learn. */
  parameters: number;
  learning: number;
  /** What the head begins with. */
  head: 'keep' | 'new';
  /**
   * Bytes that training takes of the core's memory, which `maximumMemory` limits. What is kept between epochs is counted by neither and comes
   * besides: up to 256 MB of decoded pictures, and up to 512 MB of what frozen layers made of them.
   */
  estimate: number;
  /** After how many steps the run goes on; 0 for a new one. */
  resumedAt: number;
}

interface Opened {
  engine: TrainingEngine;
  ownEngine: boolean;
  base: BaseCheckpoint;
  className: string;
  trainer: OpenedTrainer;
  /** What tells the tokens of masked images. */
  encoder: DalleHalf | null;
  recipe: FullRecipe;
  begun: Begun;
  facts: TrainingFacts;
  training: readonly LabelledImage[];
  validation: readonly LabelledImage[];
  configText: string;
  processorText: string;
  history: Record<string, number>[];
  /** Steps that the weights have made. */
  done: number;
  /** The step that was made last, until it has been judged where it ends an epoch. */
  untold: LearnedStep | null;
  /** The order of pictures in an epoch. */
  order: { epoch: number; numbers: Int32Array } | null;
}

export interface SaveRunOptions {
  /** Also what the run needs to go on. A state that was there before goes in any case, since its weights do. Default: false */
  state?: boolean | undefined;
  /** The element type of the weights; with the state f32 alone. Default: f32 */
  dtype?: 'f32' | 'f16' | undefined;
}

/**
 * Trains a checkpoint on pictures of one's own, when its steps are asked for: a classifier by labels, or what hides patches and tells their
 * tokens (`task: 'mim'`), as BEiT is pre-trained. It takes the package beit-wasm-training.
 *
 * @example
 * ```js
 * import { train } from 'beit-wasm';
 *
 * const data = ['cat', 'dog'].flatMap((label) => [1, 2, 3, 4].map((i) => ({ image: `${label}-${i}.jpg`, label })));
 * const run = train({ model: 'microsoft/beit-base-patch16-224', data, method: 'vectors' });
 * for await (const { step, steps, loss, validation } of run) {
 *   console.log(`${step} of ${steps}: ${loss}`);
 *   if (validation?.best) await run.save('mine');
 * }
 * await run.dispose();
 * ```
 */
export function train(options: TrainOptions): TrainingRun {
  return new TrainingRun(options);
}

/**
 * One run of training: its steps, when they are iterated.
 * @example
 * ```js
 * import { train } from 'beit-wasm';
 *
 * const run = train({ data: [{ image: 'cat.jpg', label: 'cat' }, { image: 'dog.jpg', label: 'dog' }], method: 'last:1' });
 * for await (const { step } of run) if (step === 100) run.stop();
 * const files = await run.state();
 * ```
 */
export class TrainingRun extends DisposableObject implements AsyncIterable<TrainingStep> {
  private opened: Promise<Opened> | null = null;
  /** Ends what is being opened. */
  private opening: AbortController | null = null;
  private stopped = false;
  private disposed = false;
  private readonly kept = new Set<number>();
  /** Steps and saves take turns: what is written is of one moment, and no step is made with averaged weights. */
  private readonly turns = new TurnQueue();

  /** By train(). */
  constructor(private readonly options: TrainOptions) {
    super();
    givenOptions(options);
  }

  /** Opens the checkpoint, and tells what the run will be; the first step does so by itself. */
  async open(): Promise<TrainingFacts> {
    return (await this.open_()).facts;
  }

  /** Ends the steps behind the one that is running. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Goes on where the run is, so that what broke off may be iterated anew: after a picture that could not be read its batch comes again, and a step
   * that could not be judged is. Several iterations at a time share the steps out.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, void, undefined> {
    const run = await this.open_();
    const { steps } = run.facts;
    const begin = performance.now();
    let [learned, count] = [0, 0];
    while (!this.stopped) {
      const { signal } = this.options;
      throwIfAborted(signal);
      const made = await this.turns.run(() => this.step(run), signal);
      if (!made) return;
      learned += made.pictures;
      const seconds = (performance.now() - begin) / 1000;
      const secondsLeft = (seconds / ++count) * (steps - made.told.step);
      yield { ...made.told, steps, picturesPerSecond: learned / seconds, secondsLeft, validation: made.validation };
    }
  }

  /** Makes the next step, unless there is one that has not been told; returns null behind the last. */
  private async step(run: Opened): Promise<{ told: LearnedStep; pictures: number; validation: Validation | null } | null> {
    const { facts, history } = run;
    let pictures = 0;
    if (!run.untold) {
      if (run.done >= facts.steps || this.stopped) return null;
      pictures = await this.learn(run);
    }
    const told = run.untold!;
    const validation = told.step % facts.stepsPerEpoch === 0 ? await this.judge(run) : null;
    if (validation) history.push(judgedRow(told, validation));
    run.untold = null;
    return { told, pictures, validation };
  }

  /** Learns from the next batch; returns how many pictures it has. */
  private async learn(run: Opened): Promise<number> {
    const { facts, recipe, training } = run;
    const [epoch, at] = [Math.floor(run.done / facts.stepsPerEpoch), run.done % facts.stepsPerEpoch];
    if (run.order?.epoch !== epoch) run.order = { epoch, numbers: await this.call(run, 'order', { epoch, count: training.length }) };
    const numbers = run.order.numbers.subarray(at * recipe.batch, (at + 1) * recipe.batch);
    const examples = await this.examplesOf(run, training, [...numbers], 0);
    const { step, loss, rate, gradientNorm, kept, ...answers } = await this.call(run, 'step', { examples, epoch });
    this.keep(kept);
    const accuracy = recipe.mixup > 0 || recipe.cutmix > 0 ? null : rightOf(answers) / answers.answers.length;
    run.done = step;
    run.untold = { step, epoch: step / facts.stepsPerEpoch, loss, accuracy, rate, gradientNorm };
    run.history.push(learnedRow(run.untold));
    return examples.length;
  }

  /**
   * Writes the model as it is now as transformers reads it; where an average of the weights is kept, that, unless the state is written, too. Called
   * while a step is being made, it waits for its end, and the next step for what is written.
   */
  async save(target: SaveTarget, options: SaveRunOptions = {}): Promise<void> {
    const { state = false, dtype = 'f32', ...rest } = givenOptions(options);
    checkCall('save()', rest);
    if (!['f32', 'f16'].includes(dtype) || (state && dtype !== 'f32'))
      throw mismatch('invalid-argument', 'dtype', `"${dtype}"`, state ? '"f32", since the run goes on by these weights' : '"f32" or "f16"');
    const run = await this.open_();
    const folder = folderOf(target);
    return this.turns.run(() => this.write(run, folder, state, dtype), this.options.signal);
  }

  private async write(run: Opened, folder: FolderToWrite, state: boolean, dtype: 'f32' | 'f16'): Promise<void> {
    const { recipe, facts, history, base, begun, done: steps } = run;
    const averaged = recipe.movingAverage > 0 && !state;
    const elements = dtype === 'f16' ? 'F16' : 'F32';
    if (averaged) await this.call(run, 'exchangeAverage', null);
    try {
      const read = (name: string): Promise<Uint8Array> => this.call(run, 'read', { name, dtype: elements });
      // The state is written last, and goes with its weights: what broke off is none.
      await writeTensors(folder, WEIGHTS_FILE, run.trainer.tensors, elements, read, async () => folder.remove?.(STATE_FILE));
    } finally {
      if (averaged) await this.call(run, 'exchangeAverage', null);
    }
    await writeText(folder, CONFIG_FILE, convertedConfig(run.configText, { className: run.className, tensors: [] }, dtype, undefined));
    await writeText(folder, PROCESSOR_FILE, run.processorText);
    const last = judgedIn(history.filter(({ step }) => step === steps)).at(0) ?? null;
    const judged = last && { right: Math.round(last.accuracy * facts.validation), total: facts.validation };
    const card =
      recipe.task === 'mim'
        ? maskedCard(base, recipe, steps, run.training.length, last)
        : trainedCard(base, recipe, steps, facts.labels, run.training, judged);
    await writeText(folder, CARD_FILE, card);
    if (!state) return;
    const readState = async (name: string): Promise<Uint8Array> => asBytes((await this.call(run, 'readState', { name })).data);
    await writeTensors(folder, OPTIMIZER_FILE, await this.call(run, 'states', null), 'F32', readState);
    await writeJson(folder, RECIPE_FILE, { ...recipe, base, begun });
    await writeJson(folder, STATE_FILE, trainerState(history, { ...recipe, ...facts }));
  }

  /** Returns save()'s files, with the state, by their names: what `resume` takes. */
  async state(): Promise<Record<string, Uint8Array>> {
    const memory = new FilesInMemory();
    await this.save(memory, { state: true });
    return memory.files;
  }

  /** Gives the model's memory back. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    this.stopped = true;
    this.opening?.abort(disposedOf());
    const run = await this.opened?.catch(() => null);
    if (!run) return;
    if (run.ownEngine) return run.engine.dispose();
    try {
      await run.engine.release(run.trainer.handle);
    } finally {
      await run.encoder?.dispose();
    }
  }

  private open_(): Promise<Opened> {
    if (this.disposed) return Promise.reject(disposedOf());
    if (!this.opened) {
      const { controller, stop } = following(this.options.signal);
      this.opening = controller;
      this.opened = openRun({ ...this.options, signal: controller.signal }).finally(stop);
    }
    return this.opened;
  }

  private call<T extends TrainerCall>(
    { engine, trainer }: Opened,
    what: T,
    settings: TrainerCalls[T]['settings'],
  ): Promise<TrainerCalls[T]['result']> {
    return engine.train(trainer.handle, what, settings, { signal: this.options.signal });
  }

  /** Returns pictures by their numbers; `first` is added to these, since both lists are numbered as one. */
  private async examplesOf(
    { facts }: Opened,
    images: readonly LabelledImage[],
    numbers: readonly number[],
    first: number,
  ): Promise<TrainerExample[]> {
    const examples: TrainerExample[] = [];
    for (const number of numbers) {
      const { image, label } = images[number]!;
      const picture = first + number;
      const given = this.kept.has(picture) ? null : await toEngineImage(image, `picture ${picture}`, { signal: this.options.signal });
      examples.push({ picture, label: facts.labels.indexOf(label), image: given });
    }
    return examples;
  }

  private keep(pictures: Int32Array): void {
    for (const picture of pictures) this.kept.add(picture);
  }

  private async judge(run: Opened): Promise<Validation | null> {
    const { validation, training, recipe, history } = run;
    if (validation.length === 0) return null;
    const averaged = recipe.movingAverage > 0;
    const total = { loss: 0, right: 0, of: 0 };
    if (averaged) await this.call(run, 'exchangeAverage', null);
    try {
      for (let at = 0; at < validation.length; at += recipe.batch) {
        const numbers = Array.from({ length: Math.min(recipe.batch, validation.length - at) }, (_, i) => at + i);
        const examples = await this.examplesOf(run, validation, numbers, training.length);
        const { loss, kept, ...told } = await this.call(run, 'judge', { examples });
        this.keep(kept);
        total.loss += loss * told.answers.length;
        total.right += rightOf(told);
        total.of += told.answers.length;
      }
    } finally {
      if (averaged) await this.call(run, 'exchangeAverage', null);
    }
    const judged = { loss: total.loss / total.of, accuracy: total.right / total.of };
    const best = judgedIn(history).every((other) => isBetter(recipe.task, judged, other));
    return { ...judged, pictures: validation.length, best };
  }
}

function disposedOf(): BeitError {
  return new BeitError('disposed', 'The run has been disposed of.', { where: 'TrainingRun' });
}

function rightOf({ answers, expected }: Pick<TrainerAnswers, 'answers' | 'expected'>): number {
  return answers.filter((answer, i) => answer === expected[i]).length;
}

/** Returns the options that concern how a model is opened, without those of the run. */
function openingOf(options: TrainOptions): EngineOptions & SourceOptions & LoadCallOptions {
  const ofRun = ['model', 'tokenizer', 'data', 'validation', 'resume', 'head', ...RECIPE_NAMES];
  return Object.fromEntries(Object.entries(options).filter(([name]) => !ofRun.includes(name)));
}

async function openRun(options: TrainOptions): Promise<Opened> {
  const opening = openingOf(options);
  checkOpening(opening);
  const { signal } = options;
  const ownEngine = !options.engine;
  const { source, base: named } = await beginningOf(options, opening);
  // Whether it trains, it says itself.
  const engine = (options.engine ?? (await createTrainingEngine(opening))) as TrainingEngine;
  let encoder: DalleHalf | null = null;
  let trainer: OpenedTrainer | null = null;
  try {
    const inspection = await engine.inspect(source, { className: 'auto', addPoolingLayer: 'auto' }, { signal });
    const base = asConfig(inspection.config);
    const resumed = options.resume === undefined ? null : await readResumed(source, options, opening, base);
    const plan = planOf(resumed?.options ?? options, inspection);
    if (resumed) checkSameData(resumed, plan, base);
    const { className, labels, data, validation, head, configText } = plan;
    const recipe = resumed?.recipe ?? fullRecipe(options, base.hiddenSize);
    const share = typeof validation === 'number' ? validation : 0;
    if (!(share >= 0 && share < 1))
      throw mismatch('invalid-argument', 'validation', kindOf(validation), 'pictures, or a share of them below 1');
    const quotas = quotasOf(data, share);
    const pictures = data.length - [...quotas.values()].reduce((a, b) => a + b, 0);
    const stepsPerEpoch = Math.ceil(pictures / recipe.batch);
    const steps = stepsPerEpoch * recipe.epochs;
    const processorText =
      (await readOptionalText(source, PROCESSOR_FILE, signal, opening)) ?? (await ownProcessor(source, { ...opening, engine }));
    const text = resumed ? await readText(source, CONFIG_FILE, signal, opening) : configText;
    const { onProgress } = opening;
    const part = options.task === 'mim' ? 0.5 : 0;
    if (options.task === 'mim')
      encoder = await openEncoder(options.tokenizer, base, { ...opening, engine, onProgress: partOf(onProgress, 0, part) });
    trainer = await engine.openTrainer(
      source,
      {
        configJson: text,
        processorJson: processorText,
        settings: settingsOf(recipe, steps),
        batch: Math.min(recipe.batch, Math.max(pictures, typeof validation === 'number' ? data.length - pictures : validation.length)),
        microBatch: recipe.microBatch,
        keepHead: head === 'keep',
        keep: KEPT_BYTES,
        keepStates: KEPT_STATE_BYTES,
        views: recipe.views,
        masking: encoder && maskingBy(encoder, recipe.maskRatio),
      },
      { ...opening, onProgress: partOf(onProgress, part, 1) },
    );
    const parts = partedBy(await engine.train(trainer.handle, 'order', { epoch: APART, count: data.length }, { signal }), data, quotas);
    if (resumed) await takeState(engine, trainer, source, resumed.state.global_step, signal);
    const count = (tensors: OpenedTrainer['tensors']): number =>
      tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    const apart = typeof validation === 'number' ? parts.validation : validation;
    return {
      engine,
      ownEngine,
      className,
      trainer,
      encoder,
      recipe,
      begun: begunWith(recipe.task === 'mim' ? undefined : resumed ? resumed.begun?.head : head, data, validation),
      base: named ?? resumed!.base,
      training: parts.training,
      validation: apart,
      configText: text,
      processorText,
      history: resumed?.state.log_history ?? [],
      done: resumed?.state.global_step ?? 0,
      untold: null,
      order: null,
      facts: {
        labels,
        pictures,
        validation: apart.length,
        steps,
        stepsPerEpoch,
        parameters: count(trainer.tensors),
        learning: count(trainer.tensors.filter(({ trained }) => trained)),
        head,
        estimate: estimateOf(trainer, encoder),
        resumedAt: resumed?.state.global_step ?? 0,
      },
    };
  } catch (error) {
    if (ownEngine) await engine.dispose();
    // Whether these fail, too, is not what the caller has to hear.
    else await Promise.allSettled([trainer && engine.release(trainer.handle), encoder?.dispose()]);
    throw error;
  }
}

/** Returns the checkpoint that a run begins with, and which it is where it is no run's own. */
async function beginningOf(
  { task, model, resume }: TrainOptions,
  opening: SourceOptions & EngineOptions,
): Promise<{ source: Source; base: BaseCheckpoint | null }> {
  if (resume !== undefined) return { source: await sourceOf(resume, opening), base: null };
  if (task === 'mim' && model === undefined)
    throw mismatch('invalid-argument', 'model', 'none', 'a checkpoint of BeitForMaskedImageModeling');
  return openBase(model, opening);
}

/** Passes of the tokenizer and of the model take turns. */
function estimateOf({ estimate }: OpenedTrainer, encoder: DalleHalf | null): number {
  const { weights = 0, activations = 0 } = encoder?.estimate ?? {};
  const { activations: own, ...rest } = estimate;
  return Object.values(rest).reduce((a: number, b: number) => a + b, weights + Math.max(own, activations));
}

async function ownProcessor(source: Source, options: LoadCallOptions & { engine: TrainingEngine }): Promise<string> {
  const processor = await BeitImageProcessor.fromPretrained(source, options);
  try {
    return processorJson(processor.config);
  } finally {
    await processor.dispose();
  }
}

async function takeState(
  engine: TrainingEngine,
  { handle }: OpenedTrainer,
  source: Source,
  steps: number,
  signal: AbortSignal | null | undefined,
): Promise<void> {
  const tensors = await engine.readTensors(await readBytes(source, OPTIMIZER_FILE, signal));
  for (const { name } of await engine.train(handle, 'states', null)) {
    throwIfAborted(signal);
    const tensor = tensors[name];
    if (!tensor) throw mismatch('missing-tensor', OPTIMIZER_FILE, `no ${name}`, 'the states of all parameters that learn');
    await engine.train(handle, 'supplyState', { name, values: tensor.data as Float32Array });
  }
  await engine.train(handle, 'setSteps', { steps });
}
