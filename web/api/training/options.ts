/** What a run is told, and what follows where it is not told. */
import { kindOf, mismatch } from '../../base/errors.js';
import type { CoreTrainingSettings } from '../../core/training.js';
import type { LoadCallOptions } from '../../engine/engine.js';
import type { SourceLike, SourceOptions } from '../../sources/source.js';
import type { TokenizerSource } from '../dalle-tokenizer.js';
import type { EngineOptions } from '../engines.js';
import type { ImageInput } from '../images.js';

/** A picture, and what it shows. */
export interface LabelledImage {
  image: ImageInput;
  label: string;
}

/** What is learned: the labels of pictures, or the visual tokens of what is hidden of them (masked image modelling). */
export type TrainingTask = 'classification' | 'mim';

/** What learns: biases, norms, layer scales, tables of position biases and the head; all; the last so many layers and the head. */
export type Method = 'vectors' | 'full' | `last:${number}`;

/** How a run learns. All but the first have defaults. */
export interface Recipe {
  method: Method;
  /** Default: classification */
  task?: TrainingTask | undefined;
  /** Default: 10 */
  epochs?: number | undefined;
  /** Examples of one step. Default: 32 */
  batch?: number | undefined;
  /** How many of these are passed through at a time. Default: 4, of a model with 512 channels or more 2 */
  microBatch?: number | undefined;
  /** The highest learning rate. Default: 0.128 / hiddenSize, for vectors five times that */
  rate?: number | undefined;
  /** Of the head's rate. Default: 1, for vectors of classifiers 4 */
  headRateFactor?: number | undefined;
  /** Default: cosine */
  schedule?: 'cosine' | 'linear' | 'constant' | undefined;
  /** The share of steps in which the rate rises, 0 to 1. Default: 0.1 */
  warmup?: number | undefined;
  /** What the rate of each layer is beside that of the next. Default: 0.75, for vectors and mim 1 */
  layerDecay?: number | undefined;
  /** Weight decay. Default: 0.05 */
  decay?: number | undefined;
  /** The greatest norm of all gradients; 0: any. Default: 1, for mim 3 */
  clip?: number | undefined;
  /** Of an average of the weights, which is then judged and saved. Default: 0, none */
  movingAverage?: number | undefined;
  /** How often a branch of the last layer is dropped. Default: the config's drop_path_rate */
  dropPath?: number | undefined;
  /** Of labels. Default: 0.1; mim has none */
  smoothing?: number | undefined;
  /** Parameters of Beta distributions; 0: no mixing, which mim has none of. Default: 0 */
  mixup?: number | undefined;
  cutmix?: number | undefined;
  /** Default: light, for mim strong */
  augment?: 'none' | 'light' | 'strong' | undefined;
  /**
   * Into how many forms `augment` makes a picture, which come in turn; 0: another in each epoch. With `last:N` each form goes through the
   * frozen layers once. Default: 0
   */
  views?: number | undefined;
  /** Whose rules of weight decay, warm-up and new heads. Default: unilm */
  conventions?: 'unilm' | 'transformers' | undefined;
  /** Whether the head is the checkpoint's. Default: keep, if the labels are the same; mim keeps it */
  head?: 'keep' | 'new' | undefined;
  /** Of mim: the share of patches that is hidden, in blocks; see blockMask(). Default: 75 of 14 x 14 */
  maskRatio?: number | undefined;
  /** Of every random number. Default: 0 */
  seed?: number | undefined;
}

export interface RunOptions extends Recipe, EngineOptions, SourceOptions, LoadCallOptions {
  /**
   * What state() or save() with `state` gave: the run goes on from there by its own recipe, with the pictures that it began with. What is told
   * of these beside it has to be the same.
   */
  resume?: SourceLike | undefined;
}

export interface TrainClassifierOptions extends RunOptions {
  task?: 'classification' | undefined;
  /** The checkpoint to begin with: any with a BEiT encoder. Default: the classifier of beit-wasm-samples */
  model?: SourceLike | undefined;
  data: readonly LabelledImage[];
  /**
   * Pictures to judge by, or the share of `data` that is set apart for it. Default: 0.15. With `resume`: the share that the run has, or its pictures
   * again; 0 in place of the latter judges no more, and takes any `data`.
   */
  validation?: readonly LabelledImage[] | number | undefined;
}

export interface TrainMaskedOptions extends RunOptions {
  task: 'mim';
  /** The checkpoint to begin with, of BeitForMaskedImageModeling; `resume` stands for it. */
  model?: SourceLike | undefined;
  /** What tells the tokens of patches: DALL-E's tokenizer, of which the encoder is loaded. */
  tokenizer: TokenizerSource;
  data: readonly ImageInput[];
  /**
   * Pictures to judge by, or the share of `data` that is set apart for it. Default: 0.15. With `resume`: the share that the run has, or its pictures
   * again; 0 in place of the latter judges no more, and takes any `data`.
   */
  validation?: readonly ImageInput[] | number | undefined;
}

export type TrainOptions = TrainClassifierOptions | TrainMaskedOptions;

/** All that decides what a run computes, but for its model and its pictures. */
export type FullRecipe = { [Name in Exclude<keyof Recipe, 'head' | 'dropPath'>]-?: Exclude<Recipe[Name], undefined> } & {
  dropPath: number | null;
};

function defaultsOf(task: TrainingTask, method: Method, hiddenSize: number): FullRecipe {
  const vectors = method === 'vectors';
  const common: FullRecipe = {
    method,
    task,
    epochs: 10,
    batch: 32,
    microBatch: hiddenSize < 512 ? 4 : 2,
    rate: ((vectors ? 5 : 1) * 0.128) / hiddenSize,
    headRateFactor: vectors ? 4 : 1,
    schedule: 'cosine',
    warmup: 0.1,
    layerDecay: vectors ? 1 : 0.75,
    decay: 0.05,
    clip: 1,
    movingAverage: 0,
    dropPath: null,
    smoothing: 0.1,
    mixup: 0,
    cutmix: 0,
    augment: 'light',
    views: 0,
    conventions: 'unilm',
    seed: 0,
    maskRatio: 75 / 196,
  };
  // As unilm pre-trains.
  return task === 'mim' ? { ...common, headRateFactor: 1, layerDecay: 1, clip: 3, smoothing: 0, augment: 'strong' } : common;
}

export const RECIPE_NAMES = Object.keys(defaultsOf('classification', 'full', 1));

/** Returns the recipe with its defaults, for a model of that width. Throws invalid-argument; most numbers are the core's to judge. */
export function fullRecipe(recipe: Recipe, hiddenSize: number): FullRecipe {
  // null is none, as in what JSON made of a number without an end.
  const told = Object.entries(recipe).filter(([name, value]) => value != null && RECIPE_NAMES.includes(name));
  const usual = defaultsOf(recipe.task ?? 'classification', recipe.method, hiddenSize);
  const full: FullRecipe = { ...usual, ...Object.fromEntries(told) };
  const { task, method, epochs, batch, microBatch, views, warmup, maskRatio } = full;
  for (const [name, value, least] of [
    ['epochs', epochs, 1],
    ['batch', batch, 1],
    ['microBatch', microBatch, 1],
    ['views', views, 0],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw mismatch('invalid-argument', name, kindOf(value), `a whole number of at least ${least}`);
  if (typeof method !== 'string' || !/^(vectors|full|last:\d+)$/.test(method))
    throw mismatch('invalid-argument', 'method', kindOf(method), '"vectors", "full" or "last:N"');
  for (const [name, value] of told) {
    const isText = typeof usual[name as keyof FullRecipe] === 'string';
    if (isText ? typeof value !== 'string' : !Number.isFinite(value))
      throw mismatch('invalid-argument', name, kindOf(value), isText ? 'text' : 'a number');
  }
  if (!(warmup >= 0 && warmup <= 1)) throw mismatch('invalid-argument', 'warmup', kindOf(warmup), 'a share of the steps, 0 to 1');
  if (!(maskRatio > 0 && maskRatio <= 1))
    throw mismatch('invalid-argument', 'maskRatio', kindOf(maskRatio), 'a share of the patches, above 0 to 1');
  for (const name of ['smoothing', 'mixup', 'cutmix', 'head'] as const)
    if (task === 'mim' && recipe[name])
      throw mismatch('invalid-argument', name, kindOf(recipe[name]), 'none for masked images, which have no labels');
  return { ...full, microBatch: Math.min(microBatch, batch) };
}

/** Returns the same as the core takes it, for so many steps. */
export function settingsOf(recipe: FullRecipe, steps: number): CoreTrainingSettings {
  const { task, method, seed, rate, schedule, conventions, clip, smoothing, mixup, cutmix, augment } = recipe;
  const warmupSteps = Math.round(recipe.warmup * steps);
  return {
    task,
    method,
    seed,
    rate,
    head_rate_factor: recipe.headRateFactor,
    schedule,
    total_steps: steps,
    warmup_steps: warmupSteps,
    // unilm's first step would else be one that moves nothing.
    warmup_rate: conventions === 'unilm' ? rate / Math.max(warmupSteps, 1) : 0,
    min_rate: schedule === 'cosine' ? rate / 100 : 0,
    weight_decay: recipe.decay,
    conventions,
    layer_decay: recipe.layerDecay,
    clip,
    moving_average: recipe.movingAverage,
    ...(recipe.dropPath !== null && { drop_path: recipe.dropPath }),
    smoothing,
    mixup,
    cutmix,
    augment,
  };
}
