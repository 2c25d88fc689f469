/**
 * What a training artefact exports (registered in bindings/training_bindings.cpp): beit-training-VARIANT of the package
 * beit-wasm-training. Types only. The rules are those of core.ts.
 *
 * The course of a run: createTrainer(); supply() for each of tensors(), finish(); then for each step of the optimiser startBatch(), one
 * addPicture(), addValues(), or addViews() and hide() for each example, mix(), a pass for each micro-batch that begin() makes, applyStep(). A
 * pass that is dropped leaves the weights as the last applyStep() left them.
 */
import type { Outcome } from '../base/errors.js';
import type { Core, CoreForward, CoreForwardInputs, CoreTensor } from './core.js';

/** What trainers of src/training/training_settings.h are made with. Sent as JSON; what is left out has its default. */
export interface CoreTrainingSettings {
  /** Labels, or the tokens of hidden patches. Default: classification */
  task?: 'classification' | 'mim';
  /** What learns: biases, norms, layer scales, tables and the head; so many layers and the head; all. */
  method: 'vectors' | `last:${number}` | 'full';
  /** Of every random number. Default: 0 */
  seed?: number;

  /** The highest rate. */
  rate: number;
  /** What the rate of the head is beside that. Default: 1 */
  head_rate_factor?: number;
  /** Default: cosine */
  schedule?: 'cosine' | 'linear' | 'constant';
  /** How many steps there will be. */
  total_steps: number;
  /** Default: 0 */
  warmup_steps?: number;
  /** What the warm-up begins at. Default: 0 */
  warmup_rate?: number;
  /** What the schedule ends at. Default: 0 */
  min_rate?: number;

  /** Default: 0 */
  weight_decay?: number;
  /** Whose rules say which parameters are not decayed and how a warm-up rises. Default: unilm */
  conventions?: 'unilm' | 'transformers';
  /** What the rate of each layer is beside that of the next. Default: 1 */
  layer_decay?: number;
  /** Default: 0.9, 0.999, 1e-8 */
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** The greatest norm of all gradients; 0: no limit. Default: 0 */
  clip?: number;
  /** Of an average of the weights, by step; 0: none is kept. Default: 0 */
  moving_average?: number;

  /** Of the last layer; the others' rise to it. Default: the config's drop_path_rate */
  drop_path?: number;
  /** Of labels. Default: 0 */
  smoothing?: number;
  /** Parameters of Beta distributions; 0: not done. Default: 0 */
  mixup?: number;
  cutmix?: number;

  /** Default: none */
  augment?: 'none' | 'light' | 'strong';
}

/** A tensor of the model that is trained, by the name that transformers 4 has for it. */
export interface CoreTrainedTensor {
  name: string;
  shape: number[];
  /** Whether it learns. */
  trained: boolean;
}

/** In bytes. */
export interface CoreTrainingEstimate {
  weights: number;
  gradients: number;
  /** Moments and, where one is kept, the average. */
  optimizer: number;
  /** Of one pass with so many examples, the batch's pixels included. */
  activations: number;
}

export interface CoreTrainer {
  tensors(): Outcome<CoreTrainedTensor[]>;
  /**
   * Takes a tensor of the checkpoint that the run begins with: `count` floats at `pointer`, row-major, which may be changed. What the model
   * has not, or in the head of another size, is left out; a table of position biases that layers share becomes each one's own.
   */
  supply(name: string, pointer: number, count: number): Outcome<null>;
  /** After the last supply(): draws the head where none has come; an error if any other tensor has not. */
  finish(): Outcome<null>;
  /** Returns the order in which so many pictures are learned from in that epoch. */
  order(epoch: number, count: number): Outcome<Int32Array>;
  /** Of micro-batches of so many examples out of batches of so many. May be called before supply(). */
  estimate(microBatch: number, batch: number): Outcome<CoreTrainingEstimate>;

  /**
   * Begins a batch of `size` examples; with `learn` false they are prepared as for inference, and begin() makes no gradients. With
   * `states` each is what a frozenPass() put out of it.
   */
  startBatch(size: number, learn: boolean, states: boolean): Outcome<null>;
  /**
   * Adds height x width x channels samples at `pointer`, augmented by a random stream of (seed, epoch, picture) if the batch is to learn
   * from, and by the processor alone if not. label: a class.
   */
  addPicture(
    pointer: number,
    width: number,
    height: number,
    channels: number,
    label: number,
    epoch: number,
    picture: number,
  ): Outcome<null>;
  /** Adds an example whose pixel values (channels, height, width) or states (tokens, C) are made; `count` floats at `pointer`. */
  addValues(pointer: number, count: number, label: number): Outcome<null>;
  /**
   * For masked images, in place of these two: adds the model's view of a picture by the same random stream, which hide() is to follow. Returns
   * the tokenizer's, (1, channels, height, width) of 0 to 1 with 8 x 8 pixels for each patch.
   */
  addViews(pointer: number, width: number, height: number, channels: number, epoch: number, picture: number): Outcome<CoreTensor>;
  /** Tells which patches of that picture are hidden, `count` bytes, and the tokens of all of them, as many 32-bit integers. */
  hide(maskPointer: number, tokensPointer: number, count: number): Outcome<null>;
  /** A number of 32 bits, by which a mask is drawn. */
  maskSeed(epoch: number, picture: number): number;
  /** When all are added: mixup and cutmix where they are asked for, and soft targets. */
  mix(): Outcome<null>;
  /**
   * Begins a pass over examples [first, first + count) of the batch. If the batch is to learn from, gradients are added to those of the
   * batch, of which each example or each hidden patch has the same share. Its outputs are loss, the mean over these, and logits (count, L) or
   * (hidden patches, vocab_size).
   */
  begin(first: number, count: number): Outcome<CoreForward>;
  /**
   * The same of a batch of pixels, as far as nothing learns: its output is frozen_states, (count, tokens, C), the same as often as the
   * pixels are. Only for last:N.
   */
  frozenPass(first: number, count: number): Outcome<CoreForward>;
  /** After the passes over a whole batch: clips, moves the weights, and forgets the gradients. step: how many have been done. */
  applyStep(): Outcome<{ step: number; rate: number; gradientNorm: number }>;

  /** Returns a tensor's values, as the bytes of elements of that type. */
  read(name: string, dtype: 'F32' | 'F16'): Outcome<Uint8Array>;
  /** Exchanges the weights with their average, where one is kept: once to judge it or to save it, and once more to go on. */
  exchangeAverage(): Outcome<null>;
  /**
   * What goes on from step to step beside the weights, which are supplied as ever: exp_avg.NAME, exp_avg_sq.NAME and, where an average is
   * kept, average.NAME.
   */
  states(): Outcome<{ name: string; shape: number[] }[]>;
  readState(name: string): Outcome<CoreTensor>;
  supplyState(name: string, pointer: number, count: number): Outcome<null>;
  /** How many steps have been done. */
  steps(): number;
  /** Goes on after so many, once weights and states are those of that step. */
  setSteps(steps: number): Outcome<null>;
  delete(): void;
}

/** Tensors of a loss's gradients: of all that a model learns, from one pass. */
export interface CoreGradients {
  /** All of the model's parameters, by the names that transformers 4 has for them. */
  tensors(): Outcome<{ name: string; shape: number[] }[]>;
  /** As CoreTrainer's. */
  supply(name: string, pointer: number, count: number): Outcome<null>;
  finish(): Outcome<null>;
  /**
   * Begins a pass; inputs have labels, which may be shares of classes (B, L). branchScale: a factor for each layer's two branches in each
   * image, (layers, 2, B), or null. Outputs are loss and logits, (masked, vocab_size) where patches are masked.
   */
  begin(inputs: CoreForwardInputs, branchScale: CoreTensor | null): Outcome<CoreForward>;
  /** After that pass: what the loss changes by with a parameter. */
  gradient(name: string): Outcome<CoreTensor>;
  delete(): void;
}

/** A training artefact is the core with these besides. */
export interface TrainingCore extends Core {
  /** Of BeitForImageClassification or, by the task, BeitForMaskedImageModeling. */
  createTrainer(configJson: string, preprocessorConfigJson: string, settings: string): Outcome<CoreTrainer>;
  /** Of BeitForImageClassification and BeitForMaskedImageModeling. */
  createGradients(configJson: string, className: string): Outcome<CoreGradients>;
}
