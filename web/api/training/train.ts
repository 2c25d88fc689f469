/** Fine-tuning a classifier: all of a checkpoint's encoder, parts of it, or its vectors alone. */
import { DisposableObject } from '../../base/dispose.js';
import { BeitError, mismatch } from '../../base/errors.js';
import { throwIfAborted } from '../../base/scheduling.js';
import { convertedConfig } from '../../engine/conversion.js';
import type { LoadCallOptions } from '../../engine/engine.js';
import type { OpenedTrainer, TrainerCall, TrainerCalls, TrainerExample, TrainingEngine } from '../../engine/trainer-calls.js';
import { CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE, type Source, type SourceOptions } from '../../sources/source.js';
import { readOptionalText, readText } from '../../sources/text.js';
import { classifierConfig } from '../classifier-config.js';
import { asConfig, type BeitConfig } from '../config.js';
import { sourceOf } from '../configure.js';
import { createTrainingEngine, type EngineOptions } from '../engines.js';
import { toEngineImage } from '../images.js';
import { BeitImageProcessor } from '../image-processor.js';
import { checkOpening } from '../options.js';
import { openBase, type BaseCheckpoint } from '../teaching/base-checkpoint.js';
import { CARD_FILE, folderOf, processorJson, type SaveTarget } from '../teaching/save.js';
import { trainedCard } from './card.js';
import {
  FilesInMemory,
  OPTIMIZER_FILE,
  readBytes,
  readJson,
  RECIPE_FILE,
  STATE_FILE,
  writeJson,
  writeTensors,
  writeText,
} from './files.js';
import { rowsOf, trainerState, type TrainerState, type TrainingStep, type Validation } from './log.js';
import { fullRecipe, RECIPE_NAMES, settingsOf, type FullRecipe, type LabelledImage, type TrainOptions } from './options.js';
import { labelsOf, partedBy, quotasOf } from './pictures.js';

/** Decoded pictures, and what frozen layers made of pictures, that are kept between epochs. */
const KEPT_BYTES = 256 << 20;
const KEPT_STATE_BYTES = 512 << 20;
/** Parts pictures: an epoch that no run comes to. */
const APART = 0xffffffff;
const CLASS_NAME = 'BeitForImageClassification';

/** What a run is, once its model is there. */
export interface TrainingFacts {
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
  /** Bytes that training takes. */
  estimate: number;
  /** After how many steps the run goes on; 0 for a new one. */
  resumedAt: number;
}

interface Opened {
  engine: TrainingEngine;
  ownEngine: boolean;
  base: BaseCheckpoint;
  trainer: OpenedTrainer;
  recipe: FullRecipe;
  facts: TrainingFacts;
  training: readonly LabelledImage[];
  validation: readonly LabelledImage[];
  configText: string;
  processorText: string;
  history: Record<string, number>[];
}

export interface SaveRunOptions {
  /** Also what the run needs to go on. Default: false */
  state?: boolean | undefined;
  /** The element type of the weights; with the state f32 alone. Default: f32 */
  dtype?: 'f32' | 'f16' | undefined;
}

/**
 * Trains a classifier of a checkpoint on pictures of one's own, when its steps are asked for. It takes the package beit-wasm-training.
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
  private stopped = false;
  private disposed = false;
  private readonly kept = new Set<number>();

  /** By train(). */
  constructor(private readonly options: TrainOptions) {
    super();
  }

  /** Opens the checkpoint, and tells what the run will be; the first step does so by itself. */
  async open(): Promise<TrainingFacts> {
    return (await this.open_()).facts;
  }

  /** Ends the steps behind the one that is running. */
  stop(): void {
    this.stopped = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TrainingStep, void, undefined> {
    const run = await this.open_();
    const { facts, recipe, training } = run;
    const begin = performance.now();
    let learned = 0;
    for (let done = this.stepsDone(run); done < facts.steps && !this.stopped; ) {
      throwIfAborted(this.options.signal);
      const epoch = Math.floor(done / facts.stepsPerEpoch);
      const order = await this.call(run, 'order', { epoch, count: training.length });
      for (let at = done % facts.stepsPerEpoch; at < facts.stepsPerEpoch && !this.stopped; ++at) {
        const numbers = order.subarray(at * recipe.batch, (at + 1) * recipe.batch);
        const examples = await this.examplesOf(run, training, [...numbers], 0);
        const { step, loss, rate, gradientNorm, answers, kept } = await this.call(run, 'step', { examples, epoch });
        this.keep(kept);
        done = step;
        learned += examples.length;
        const validation = at + 1 === facts.stepsPerEpoch ? await this.judge(run) : null;
        const seconds = (performance.now() - begin) / 1000;
        const right = examples.filter(({ label }, i) => answers[i] === label).length;
        const told: TrainingStep = {
          step,
          steps: facts.steps,
          epoch: step / facts.stepsPerEpoch,
          loss,
          accuracy: recipe.mixup > 0 || recipe.cutmix > 0 ? null : right / examples.length,
          rate,
          gradientNorm,
          picturesPerSecond: learned / seconds,
          secondsLeft: (seconds / (step - facts.resumedAt)) * (facts.steps - step),
          validation,
        };
        run.history.push(...rowsOf(told));
        yield told;
      }
    }
  }

  /** Writes the model as it is now as transformers reads it; where an average of the weights is kept, that, unless the state is written, too. */
  async save(target: SaveTarget, { state = false, dtype = 'f32' }: SaveRunOptions = {}): Promise<void> {
    if (!['f32', 'f16'].includes(dtype) || (state && dtype !== 'f32'))
      throw mismatch('invalid-argument', 'dtype', `"${dtype}"`, state ? '"f32", since the run goes on by these weights' : '"f32" or "f16"');
    const run = await this.open_();
    const { recipe, facts, history, base } = run;
    const folder = folderOf(target);
    const averaged = recipe.movingAverage > 0 && !state;
    const elements = dtype === 'f16' ? 'F16' : 'F32';
    if (averaged) await this.call(run, 'exchangeAverage', null);
    try {
      await writeTensors(folder, WEIGHTS_FILE, run.trainer.tensors, elements, (name) => this.call(run, 'read', { name, dtype: elements }));
    } finally {
      if (averaged) await this.call(run, 'exchangeAverage', null);
    }
    await writeText(folder, CONFIG_FILE, convertedConfig(run.configText, { className: CLASS_NAME, tensors: [] }, dtype, undefined));
    await writeText(folder, PROCESSOR_FILE, run.processorText);
    const steps = this.stepsDone(run);
    const accuracy = history.find(({ step, eval_accuracy: share }) => step === steps && share !== undefined)?.['eval_accuracy'];
    const judged = accuracy === undefined ? null : { right: Math.round(accuracy * facts.validation), total: facts.validation };
    await writeText(folder, CARD_FILE, trainedCard(base, recipe, steps, facts.labels, run.training, judged));
    if (!state) return;
    await writeTensors(folder, OPTIMIZER_FILE, await this.call(run, 'states', null), 'F32', async (name) => {
      const { data } = await this.call(run, 'readState', { name });
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    });
    await writeJson(folder, RECIPE_FILE, { ...recipe, base });
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
    const run = await this.opened?.catch(() => null);
    if (!run) return;
    if (run.ownEngine) await run.engine.dispose();
    else await run.engine.release(run.trainer.handle);
  }

  private stepsDone({ facts, history }: Opened): number {
    return history.reduce((most, { step = 0 }) => Math.max(most, step), facts.resumedAt);
  }

  private open_(): Promise<Opened> {
    if (this.disposed) return Promise.reject(new BeitError('disposed', 'The run has been disposed of.', { where: 'TrainingRun' }));
    this.opened ??= openRun(this.options);
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
    let loss = 0;
    let right = 0;
    if (averaged) await this.call(run, 'exchangeAverage', null);
    try {
      for (let at = 0; at < validation.length; at += recipe.batch) {
        const numbers = Array.from({ length: Math.min(recipe.batch, validation.length - at) }, (_, i) => at + i);
        const examples = await this.examplesOf(run, validation, numbers, training.length);
        const judged = await this.call(run, 'judge', { examples });
        this.keep(judged.kept);
        loss += (judged.loss * examples.length) / validation.length;
        right += examples.filter(({ label }, i) => judged.answers[i] === label).length;
      }
    } finally {
      if (averaged) await this.call(run, 'exchangeAverage', null);
    }
    const accuracy = right / validation.length;
    const best = history.every(
      ({ eval_accuracy: other = -1, eval_loss: otherLoss = Infinity }) => accuracy > other || (accuracy === other && loss < otherLoss),
    );
    return { loss, accuracy, pictures: validation.length, best };
  }
}

/** Returns the options that concern how a model is opened, without those of the run. */
function openingOf(options: TrainOptions): EngineOptions & SourceOptions & LoadCallOptions {
  const ofRun = ['model', 'data', 'validation', 'resume', 'head', ...RECIPE_NAMES];
  return Object.fromEntries(Object.entries(options).filter(([name]) => !ofRun.includes(name)));
}

async function openRun(options: TrainOptions): Promise<Opened> {
  const opening = openingOf(options);
  checkOpening(opening);
  const { signal } = options;
  const ownEngine = !options.engine;
  const begun = options.resume === undefined ? await openBase(options.model, opening) : null;
  const source = begun?.source ?? (await sourceOf(options.resume!, opening));
  // Whether it trains, it says itself.
  const engine = (options.engine ?? (await createTrainingEngine(opening))) as TrainingEngine;
  try {
    const base = asConfig((await engine.inspect(source, { className: 'auto', addPoolingLayer: 'auto' }, { signal })).config);
    const { labels, same } = labelsOf(options.data, base.id2label);
    const resumed = options.resume === undefined ? null : await readResumed(source, labels, base);
    const recipe = resumed?.recipe ?? fullRecipe(options, base.hiddenSize);
    const { validation = 0.15, data } = options;
    const share = typeof validation === 'number' ? validation : 0;
    if (!(share >= 0 && share < 1))
      throw mismatch('invalid-argument', 'validation', String(validation), 'pictures, or a share of them below 1');
    const quotas = quotasOf(data, share);
    const pictures = data.length - [...quotas.values()].reduce((a, b) => a + b, 0);
    const stepsPerEpoch = Math.ceil(pictures / recipe.batch);
    const steps = stepsPerEpoch * recipe.epochs;
    const processorText =
      (await readOptionalText(source, PROCESSOR_FILE, signal, opening)) ?? (await ownProcessor(source, { ...opening, engine }));
    const head = options.resume === undefined ? headOfRun(options.head, same, base) : 'keep';
    const configText = resumed
      ? await readText(source, CONFIG_FILE, signal, opening)
      : convertedConfig(
          JSON.stringify({ ...classifierConfig(base, { labels }), ...ownTables(base), drop_path_rate: base['dropPathRate'] ?? 0.1 }),
          { className: CLASS_NAME, tensors: [] },
          'f32',
          undefined,
        );
    const trainer = await engine.openTrainer(
      source,
      {
        configJson: configText,
        processorJson: processorText,
        settings: settingsOf(recipe, steps),
        batch: Math.min(recipe.batch, pictures),
        microBatch: recipe.microBatch,
        keepHead: head === 'keep',
        keep: KEPT_BYTES,
        keepStates: KEPT_STATE_BYTES,
        views: recipe.views,
      },
      opening,
    );
    const parts = partedBy(await engine.train(trainer.handle, 'order', { epoch: APART, count: data.length }, { signal }), data, quotas);
    if (resumed) await takeState(engine, trainer, source, resumed.state.global_step);
    const count = (tensors: OpenedTrainer['tensors']): number =>
      tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    const apart = typeof validation === 'number' ? parts.validation : validation;
    checkKnown(apart, labels);
    return {
      engine,
      ownEngine,
      trainer,
      recipe,
      base: begun?.base ?? resumed!.base,
      training: parts.training,
      validation: apart,
      configText,
      processorText,
      history: resumed?.state.log_history ?? [],
      facts: {
        labels,
        pictures,
        validation: apart.length,
        steps,
        stepsPerEpoch,
        parameters: count(trainer.tensors),
        learning: count(trainer.tensors.filter(({ trained }) => trained)),
        head,
        estimate: Object.values(trainer.estimate).reduce((a: number, b: number) => a + b, 0),
        resumedAt: resumed?.state.global_step ?? 0,
      },
    };
  } catch (error) {
    if (ownEngine) await engine.dispose();
    throw error;
  }
}

/** Tables that all layers share are each one's own in what is trained. */
function ownTables({ useSharedRelativePositionBias, useRelativePositionBias }: BeitConfig): Record<string, boolean> {
  return {
    use_shared_relative_position_bias: false,
    use_relative_position_bias: useRelativePositionBias || useSharedRelativePositionBias,
  };
}

function headOfRun(wanted: TrainOptions['head'], same: boolean, base: BeitConfig): TrainingFacts['head'] {
  if (wanted === 'keep' && !same)
    throw mismatch(
      'invalid-argument',
      'head',
      '"keep" for pictures of other labels',
      `the checkpoint's: ${base.id2label.slice(0, 20).join(', ')}`,
    );
  return wanted ?? (same ? 'keep' : 'new');
}

function checkKnown(images: readonly LabelledImage[], labels: readonly string[]): void {
  const other = images.find(({ label }) => !labels.includes(label));
  if (other)
    throw mismatch(
      'invalid-argument',
      'validation',
      `a picture of ${other.label}`,
      `labels of the data: ${labels.slice(0, 20).join(', ')}`,
    );
}

async function ownProcessor(source: Source, options: LoadCallOptions & { engine: TrainingEngine }): Promise<string> {
  const processor = await BeitImageProcessor.fromPretrained(source, options);
  try {
    return processorJson(processor.config);
  } finally {
    await processor.dispose();
  }
}

/** Returns how a run was, to go on. Throws invalid-argument where its labels were others. */
async function readResumed(
  source: Source,
  labels: readonly string[],
  { id2label }: BeitConfig,
): Promise<{ recipe: FullRecipe; base: BaseCheckpoint; state: TrainerState }> {
  if (labels.join('\n') !== id2label.join('\n'))
    throw mismatch(
      'invalid-argument',
      'data',
      `labels ${labels.slice(0, 20).join(', ')}`,
      `those of the run: ${id2label.slice(0, 20).join(', ')}`,
    );
  const { base, ...recipe } = await readJson<FullRecipe & { base: BaseCheckpoint }>(source, RECIPE_FILE);
  return { recipe, base, state: await readJson<TrainerState>(source, STATE_FILE) };
}

async function takeState(engine: TrainingEngine, { handle }: OpenedTrainer, source: Source, steps: number): Promise<void> {
  const tensors = await engine.readTensors(await readBytes(source, OPTIMIZER_FILE));
  for (const { name } of await engine.train(handle, 'states', null)) {
    const tensor = tensors[name];
    if (!tensor) throw mismatch('missing-tensor', OPTIMIZER_FILE, `no ${name}`, 'the states of all parameters that learn');
    await engine.train(handle, 'supplyState', { name, values: tensor.data as Float32Array });
  }
  await engine.train(handle, 'setSteps', { steps });
}
