/** What crosses to a trainer (training.ts) and back. */
import type { Tensor } from '../base/tensors.js';
import type { CoreTrainedTensor, CoreTrainingEstimate, CoreTrainingSettings } from '../core/training.js';
import type { Source } from '../sources/source.js';
import type { CallOptions, Engine, EngineImage, LoadCallOptions } from './engine.js';

/** Which run is begun. Plain data. */
export interface TrainerSpec {
  /** Of the model that is trained. */
  configJson: string;
  processorJson: string;
  settings: CoreTrainingSettings;
  /** The largest batch, and how many examples of it are passed through at a time. */
  batch: number;
  microBatch: number;
  /** Whether the checkpoint's head is taken: it has the same labels. */
  keepHead: boolean;
  /** Bytes of pictures that are kept decoded, and of what frozen layers made of pictures. */
  keep: number;
  keepStates: number;
  /** How many forms a picture is augmented to, which come again and again; 0: another in each epoch. */
  views: number;
  /** Masked image modelling: what tells patches' tokens, and the share of patches that is hidden. */
  masking: Masking | null;
}

export interface Masking {
  /** The handle of a DalleEncoder of the same engine. */
  tokenizer: number;
  /** Bytes that one pass of that takes. */
  activations: number;
  ratio: number;
}

export interface OpenedTrainer {
  handle: number;
  tensors: CoreTrainedTensor[];
  estimate: CoreTrainingEstimate;
}

/** A picture of a class or, of masked images, of none. */
export interface TrainerExample {
  /** Its number in the run, by which its chance changes are drawn. */
  picture: number;
  label: number;
  /** Null: it or what is made of it is kept, or `pixels` stand for it. */
  image: EngineImage | null;
  /** (channels, height, width), of a class only. */
  pixels?: Float32Array | undefined;
}

/** What came of examples: the mean loss, the labels (or tokens of hidden patches) that were told, the true ones, and the pictures that are kept now. */
export interface TrainerAnswers {
  loss: number;
  answers: Int32Array;
  expected: Int32Array;
  kept: Int32Array;
}

/** What a trainer is asked for. */
export interface TrainerCalls {
  /** One step of the optimiser by a batch; step: how many have been done. */
  step: {
    settings: { examples: TrainerExample[]; epoch: number };
    result: TrainerAnswers & { step: number; rate: number; gradientNorm: number };
  };
  /** As inference has it. */
  judge: { settings: { examples: TrainerExample[] }; result: TrainerAnswers };
  order: { settings: { epoch: number; count: number }; result: Int32Array };
  read: { settings: { name: string; dtype: 'F32' | 'F16' }; result: Uint8Array };
  exchangeAverage: { settings: null; result: null };
  states: { settings: null; result: { name: string; shape: number[] }[] };
  readState: { settings: { name: string }; result: Tensor };
  supplyState: { settings: { name: string; values: Float32Array }; result: null };
  setSteps: { settings: { steps: number }; result: null };
}
export type TrainerCall = keyof TrainerCalls;

/** An engine whose core trains: apart from Engine, which users see. */
export interface TrainingEngine extends Engine {
  /** Makes a trainer with a checkpoint's weights, and has it do something; release() gives it back. */
  openTrainer(source: Source, spec: TrainerSpec, call?: LoadCallOptions): Promise<OpenedTrainer>;
  train<T extends TrainerCall>(
    trainer: number,
    what: T,
    settings: TrainerCalls[T]['settings'],
    call?: CallOptions,
  ): Promise<TrainerCalls[T]['result']>;
}
