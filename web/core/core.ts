/**
 * What a wasm artefact exports (registered in bindings/bindings.cpp). Types only.
 * Only engine/local.ts and engine/loader.ts talk to a Core, only heap.ts touches its memory; everything
 * else goes through Engine (engine/engine.ts).
 *
 * Rules: nothing here throws; a call that can fail returns an Outcome. Pointers are byte offsets
 * into the linear memory, already >>> 0. HEAPU8 must be read anew after every call, since memory
 * may have grown. Objects with delete() live in wasm memory until it is called.
 */
import type { Outcome } from '../base/errors.js';
import type { AnyArray } from '../base/tensors.js';

export interface CoreTensor {
  dims: number[];
  data: Float32Array;
}

/** A tensor of any element type, as `readSafetensors` returns it; F16 and BF16 arrive as Float32Array, types that are not read (F8_E4M3, …) as their bytes. */
export interface CoreAnyTensor {
  dims: number[];
  /** safetensors' name: F32, F16, BF16, I64, U8, BOOL, … */
  dtype: string;
  data: AnyArray;
}

/** Interleaved 8-bit samples, rows from the top. */
export interface CoreImage {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

export interface CoreImageProcessor {
  /** Every field with its default filled in, camelCase. */
  config(): Outcome<Record<string, unknown>>;
  /** image: height x width x channels at `pointer`. Value: (1, channels, h, w), F32. */
  preprocess(pointer: number, width: number, height: number, channels: number): Outcome<CoreTensor>;
  /** The same of an image's file, with the image's size. */
  preprocessFile(pointer: number, length: number): Outcome<CoreTensor & { width: number; height: number }>;
  /** map: height x width labels (one byte each). Value: dims [1, h, w]. */
  preprocessSegmentationMap(pointer: number, width: number, height: number): Outcome<{ dims: number[]; data: Int32Array }>;
  delete(): void;
}

/** Bytes that the checkpoint wants next: supply() takes them in order, in pieces of any size. */
export interface CoreRead {
  file: string;
  offset: number;
  length: number;
}

export interface CoreTensorEntry {
  name: string;
  dtype: string;
  shape: number[];
  file: string;
  offset: number;
  bytes: number;
}

/**
 * Index, then fill. addFile() for each file; then loop: next() names a range, supply() its bytes,
 * until next() is null: the index is complete. Then CoreModel.bind(checkpoint), and the same loop
 * again fills the model.
 */
export interface CoreCheckpoint {
  /** size in bytes, or -1 when it is not known (a stream). The first bytes tell the format. */
  addFile(name: string, size: number): Outcome<null>;
  /** Text of model.safetensors.index.json. Value: the files it names, in order, to be added. */
  addShardIndex(json: string): Outcome<string[]>;
  next(): Outcome<CoreRead | null>;
  supply(pointer: number, length: number): Outcome<null>;
  /** The source has no more bytes though the read is not complete: always an error (truncated). */
  ended(): Outcome<null>;
  tensors(): Outcome<CoreTensorEntry[]>;
  /**
   * After the index: the text of a config.json made from names and shapes, for checkpoints that come
   * without one (timm, unilm, DALL-E), with the class in architectures. See weights/reading/names/infer_config.h.
   */
  deriveConfig(): Outcome<string>;
  delete(): void;
}

/** How a checkpoint's tensors fit a model. */
export interface CoreBindReport {
  /** The naming that was detected, such as "transformers", and what stood before every name and was taken off. */
  dialect: string;
  container: string;
  /** What the averaged weights are called, where a file holds averaged and plain ones; the averaged are read. Else ''. */
  averaged: string;
  missing: string[];
  /** Tensors that do not fit, each as part of a sentence with both shapes. */
  wrong: string[];
  unexpected: string[];
  /** Dead weights (indices, counters): known, not read. */
  skipped: string[];
  /** Bytes that filling will read. */
  fillBytes: number;
}

export interface CoreForwardInputs {
  /** (B, channels, height, width); all models but DalleDecoder */
  pixelValues?: CoreTensor;
  /** (B, h, w): DalleDecoder's only input */
  tokens?: { dims: number[]; data: Int32Array };
  /** (B, P), not 0 = masked */
  boolMaskedPos?: { dims: number[]; data: Uint8Array };
  /**
   * Classification: class ids as Int32Array (B), or Float32Array (B) or (B, L). Masked image
   * modelling: Int32Array, the masked patches' tokens in order. Segmentation: Int32Array (B, height, width).
   */
  labels?: { dims: number[]; data: Float32Array | Int32Array };
}

export interface CoreForwardOptions {
  outputHiddenStates: boolean;
  outputAttentions: boolean;
  outputPooledStates?: boolean | undefined;
  interpolatePosEncoding: boolean;
}

/** One running forward pass: step() does one layer's work. A model runs one pass at a time. */
export interface CoreForward {
  /** Value: true when there is nothing left to do. */
  step(): Outcome<boolean>;
  stepsDone(): number;
  stepsTotal(): number;
  /**
   * After the last step: last_hidden_state, pooler_output, logits, loss, hidden_states.N, attentions.N,
   * pooled_states, feature_maps.N (BeitBackbone), decoder_stats and reconstruction (DalleDecoder).
   */
  outputs(): Outcome<Record<string, CoreTensor>>;
  delete(): void;
}

/** How the encoder's fully connected layers compute; all else is in floats. f16: how a GPU stores weights; what is computed with them is f32. */
export type DType = 'f32' | 'f16' | 'int8';

/** What a model is made with, beside its checkpoint; what is undefined has its default. */
export interface CoreModelOptions {
  /** Default: f32; f16 is none of the core's. By ModelSpec (engine/engine.ts): int8 for a checkpoint that is stored so */
  dtype?: DType | undefined;
  /** BeitModel only. Default: true */
  addPoolingLayer?: boolean | undefined;
  /** Segmentation only: load the head that only a loss needs. Default: true */
  auxiliaryHead?: boolean | undefined;
  /** Segmentation only: which layers out_indices name. Default: reference */
  taps?: 'reference' | 'original' | undefined;
  /** From 0 to 1, in place of the config's layer_norm_eps. */
  layerNormEps?: number | undefined;
  /** How relative position biases are resized for inputs of another size. Default: reference */
  relativePositionBiasResize?: 'reference' | 'timm' | 'unilm' | undefined;
}

export interface CoreModelEstimate {
  /** Bytes of packed weights. */
  weights: number;
  /** Bytes of one run at the config's image size, batch 1. */
  activations: number;
  /** Bytes of the largest tensor while it is being filled. */
  staging: number;
}

/** A tensor of a file that is written. */
export interface CoreFileTensor {
  name: string;
  shape: readonly number[];
  dtype: string;
}

/** A checkpoint on its way to a file with transformers' names; see weights/reading/conversion.h. */
export interface CoreConversion {
  report(): Outcome<CoreBindReport>;
  /** The new file's tensors, in no order; dtype is safetensors' name. */
  tensors(): Outcome<CoreFileTensor[]>;
  /** What has been converted since the last call: all bytes of tensors, by their indices in tensors(). */
  take(): Outcome<{ tensor: number; data: Uint8Array }[]>;
  /** After the last piece: an error if any parameter has not arrived. */
  finish(): Outcome<null>;
  delete(): void;
}

export interface CoreModel {
  /**
   * BeitModel, BeitForMaskedImageModeling, BeitForImageClassification, BeitForSemanticSegmentation,
   * BeitBackbone, DalleEncoder, DalleDecoder.
   */
  className(): string;
  /**
   * Before bind() or convert(): the values of a parameter, by the name that transformers 4 has for it, in place of a checkpoint's. That
   * may then have more layers than the model.
   */
  replace(name: string, tensor: CoreTensor): Outcome<null>;
  /** Fails with every missing and every mis-shaped tensor named at once. */
  bind(checkpoint: CoreCheckpoint): Outcome<CoreBindReport>;
  /** Like bind, but only tells: never fails on missing tensors, fills nothing. */
  inspect(checkpoint: CoreCheckpoint): Outcome<CoreBindReport>;
  /**
   * Starts the fill stage, like bind(), but to a file of the reference's class of that name; of the
   * model only what its parameters are is used. dtype: F32, F16, BF16, or I8: then what a model of
   * dtype int8 holds quantised is written so, with scales, and all else as F16 and (vectors) F32.
   */
  convert(checkpoint: CoreCheckpoint, className: string, dtype: string): Outcome<CoreConversion>;
  /** After filling: an error if any parameter has not arrived. */
  finish(): Outcome<null>;
  estimate(): Outcome<CoreModelEstimate>;
  begin(inputs: CoreForwardInputs, options: CoreForwardOptions): Outcome<CoreForward>;
  delete(): void;
}

export interface Core {
  HEAPU8: Uint8Array;
  /** Set by startCore(): the most bytes that the linear memory may have. */
  maximum: number;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  /** Threaded artefacts that export it: ends the workers, after which the core is not called again. */
  PThread?: { terminateAllThreads(): void };
  /**
   * Once, before anything else: starts the one thread pool. 1 = no pool. tallTiles: whether the engine
   * compiles tall tiles of matrix products well (src/kernels/gemm/f32_microkernel.h); answers are the same.
   */
  start(threads: number, tallTiles: boolean): Outcome<null>;
  /** Gives the thread pool up: its threads end when the last model is deleted; start() may be called again. */
  stop(): void;
  /**
   * Limits the pool to so many threads and does a product of fixed size for ten milliseconds (src/kernels/thread_trial.h).
   * Value: the milliseconds that each took.
   */
  timeThreads(threads: number): Outcome<number>;
  /** From now on at most so many of the pool's threads work, the calling one included. Not while a step runs. */
  limitThreads(threads: number): void;
  /** heap: bytes of linear memory; used: bytes that malloc has given out; peak: the most that it ever had. */
  memory(): Outcome<{ heap: number; used: number; peak: number }>;
  /** Where time went since the last call, by kind of work: linear, attention, activation, norm, embeddings. */
  takeProfile(): Outcome<Record<string, { seconds: number; operations: number; calls: number }>>;
  /**
   * The label of each pixel of one image's logits, dims (1, L, h, w) or (L, h, w), resized bilinearly to
   * height x width (0 and 0: not resized). counts: how many pixels have each of the L labels. scores: the label's
   * probability, only if asked for. overlay: its colour, only where there is a palette, which has one for each of the L.
   */
  postProcessSemanticSegmentation(
    logits: CoreTensor,
    height: number,
    width: number,
    withScores: boolean,
    palette: Uint32Array | null,
  ): Outcome<{
    height: number;
    width: number;
    labels: Uint16Array;
    counts: Uint32Array;
    scores: Float32Array | null;
    overlay: Uint32Array | null;
  }>;
  /** Every field of BeitConfig in camelCase, defaults filled in; id2label as an array of strings, sizes as {height, width}. */
  readConfig(json: string): Outcome<Record<string, unknown>>;
  /** PNG, JPEG, BMP, GIF (first frame), PNM. Value: always 3 channels, RGB. */
  decodeImage(pointer: number, length: number): Outcome<CoreImage>;
  readSafetensors(pointer: number, length: number): Outcome<Record<string, CoreAnyTensor>>;
  createImageProcessor(preprocessorConfigJson: string): Outcome<CoreImageProcessor>;
  createCheckpoint(): Outcome<CoreCheckpoint>;
  createModel(configJson: string, className: string, options: CoreModelOptions): Outcome<CoreModel>;
}

/** The addresses of a build's two files. */
export interface ArtefactFiles {
  script: string;
  wasm: string;
}
