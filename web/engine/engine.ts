/**
 * What runs models, wherever it runs: in this thread (local.ts) or in a worker
 * (remote.ts). The classes (api/) know only this interface.
 * Handles are numbers, values are plain data: both cross between threads.
 */
import type { BeitError } from '../base/errors.js';
import type { FromGlobal, WasmModule } from '../base/globals.js';
import type { AnyTensor, LabelMap, RawImage, Size, Tensor } from '../base/tensors.js';
import type { Build, BuildRequest, Capabilities } from '../core/capabilities.js';
import type { ArtefactFiles, CoreBindReport, CoreModelEstimate, CoreModelOptions, CoreTensorEntry, DType } from '../core/core.js';
import type { DecoderAddresses } from '../core/decoders.js';
import type { HeadFit, TeachingExamples } from '../core/teaching.js';
import type { Source } from '../sources/source.js';
import type { ConversionFacts, ConversionSink, ConversionType } from './conversion.js';
import type { Device, DeviceChoice, GpuAddresses } from './devices.js';
import type { EngineTask, EngineTasks, TaskParts } from './tasks/types.js';

export type { RawImage };

/** What an engine is made from. Plain data. */
export interface EngineSettings extends BuildRequest {
  /** Where each build's files are. */
  files: Record<Build, ArtefactFiles>;
  /** Where the modules of decoders are. */
  decoders: DecoderAddresses;
  /** Where the module is that fits heads. */
  teaching: string;
  /** Where the modules are that compute on GPUs. */
  gpu: GpuAddresses;
  /** Default: cpu */
  device?: Device | undefined;
  /** The bytes of the .wasm file, where the caller has them. */
  wasmBinary?: Uint8Array | WasmModule | undefined;
  /** The most bytes of linear memory, 16 MB to 4 GB. Default: 4 GB, less where the engine does not give that */
  maximumMemory?: number | undefined;
}

/** What is used and why. Plain data. */
export interface RuntimeInfo extends DeviceChoice {
  build: Build;
  /** How many work; `auto` decides between the first passes, and anew now and then. */
  threads: number;
  /** Why this build and this number of threads, in a sentence or two. */
  reason: string;
  /** Whether the core runs in a worker of its own. */
  worker: boolean;
  capabilities: Capabilities;
}

/** Of an engine, and of each of its models by handle. */
export interface EngineInfo extends RuntimeInfo {
  devices: Readonly<Record<number, DeviceChoice>>;
}

/** In bytes: linear memory (heap, which never shrinks), of it in use, the most that was ever taken, and the most that it may have. */
export interface MemoryUse {
  heap: number;
  used: number;
  /** Since the engine started: what loading and running needed, without the room to spare by which the heap grows. */
  peak: number;
  maximum: number;
  /** Memory of the GPU, weights and what lies between steps; 0 where none is used. */
  gpu: number;
}

/**
 * The stages of getting ready, in order; `download` only of a file that is fetched whole before it is
 * used (kept ones of formats that are not read in order), during index or weights.
 */
export type Phase = 'artefact' | 'config' | 'download' | 'index' | 'weights' | 'ready';

export interface Progress {
  phase: Phase;
  /** The file that is being read; empty when none is. */
  file: string;
  /** Bytes of this phase so far. */
  loaded: number;
  /** Bytes of this phase in all; 0 when that is not known. */
  total: number;
  /** How many tensors the checkpoint names; 0 until its index is read. */
  tensors: number;
  /** How much of the whole call is done, 0 to 1; it never falls, and is 1 when all is ready. */
  share: number;
}

/** What every long call takes. */
export interface CallOptions {
  /** Stops the work within one step. The promise rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined;
  /**
   * Hand bitmaps, frames and buffers over to the engine instead of copying them: they cannot be used
   * afterwards. Default: false
   */
  transfer?: boolean | undefined;
}

export interface LoadCallOptions extends CallOptions {
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Told of failures that do not stop the load: `quota` or `io` where a download cannot be kept, `network` or `html`
   * where a server refuses an optional file.
   */
  onWarning?: ((error: BeitError) => void) | undefined;
}

export interface ForwardCallOptions extends CallOptions {
  /** Called after each step (about one layer): how many are done, of how many. */
  onStep?: ((done: number, total: number) => void) | undefined;
  /**
   * A pass overtakes those of lower priority that wait for the same engine, such as a batch's; the one
   * that runs is finished first. Any number; default: 0
   */
  priority?: number | undefined;
}

/** Which model to make of a checkpoint. */
export interface ModelSpec extends Omit<CoreModelOptions, 'addPoolingLayer'> {
  /** The reference's class name, or `auto`: what config.json's architectures say, else the tensors. */
  className: string;
  /** BeitModel only; auto: as the checkpoint has it. Default: true */
  addPoolingLayer?: boolean | 'auto' | undefined;
  /** In place of the source's config.json. */
  configJson?: string | undefined;
  /**
   * Values of parameters, by the names that transformers 4 has for them, in place of the source's, which may then have more layers than
   * the config.
   */
  replaced?: Readonly<Record<string, Tensor>> | undefined;
  /** Names of the weights file to try, in place of the usual ones. */
  weights?: readonly string[] | undefined;
}

/** Every field of a config, camelCase, defaults filled in. */
export type ConfigFields = Record<string, unknown>;

export interface LoadedModel {
  handle: number;
  device: DeviceChoice['device'];
  className: string;
  dtype: DType;
  config: ConfigFields;
  /** BeitModel only: whether it gives pooler_output. */
  hasPooler: boolean;
  report: CoreBindReport;
  estimate: CoreModelEstimate;
}

/** What a checkpoint holds and how it fits its model, without loading it. */
export interface Inspection extends Omit<LoadedModel, 'handle' | 'device'> {
  tensors: CoreTensorEntry[];
}

export interface ForwardInputs {
  /** All classes but DalleDecoder. */
  pixelValues?: Tensor | undefined;
  /** (B, h, w): DalleDecoder only. */
  tokens?: LabelMap | undefined;
  boolMaskedPos?: { dims: number[]; data: Uint8Array } | undefined;
  labels?: { dims: number[]; data: Float32Array | Int32Array } | undefined;
}

export interface ForwardSwitches {
  outputHiddenStates: boolean;
  outputAttentions: boolean;
  outputPooledStates?: boolean | undefined;
  interpolatePosEncoding: boolean;
}

/**
 * An image in a form that crosses between threads. `owned`: it is the library's own, to be transferred
 * rather than copied, and closed after it was drawn.
 */
export type EngineImage = (
  | ({ kind: 'raw' } & RawImage)
  | { kind: 'encoded'; bytes: Uint8Array; label: string }
  | { kind: 'drawable'; image: FromGlobal<'ImageBitmap'> | FromGlobal<'VideoFrame'> }
) & { owned?: boolean | undefined };

export interface Preprocessed {
  /** (B, channels, height, width) */
  pixelValues: Tensor;
  /** What each image was before. */
  originalSizes: Size[];
}

/** A label for each pixel of an image, rows from the top. */
export interface SegmentationMap {
  height: number;
  width: number;
  /** Class ids. */
  labels: Uint16Array;
  /** How many pixels have each label, by class id. */
  counts: Uint32Array;
  /** The probability of each pixel's label, from 0 to 1; null unless asked for. */
  scores: Float32Array | null;
  /** Each pixel's colour, where a palette was given. */
  overlay?: Uint32Array;
}

/** What is made of logits beside labels. */
export interface SegmentationExtras {
  scores: boolean;
  /** A colour for each label. */
  palette?: Uint32Array | undefined;
}

export interface OpenedProcessor {
  handle: number;
  config: ConfigFields;
}

/** What a loss is with inputs that have labels, and what it changes by with each parameter. */
export interface Gradients {
  /** loss and logits */
  outputs: Record<string, Tensor>;
  /** By the names that transformers 4 has for the parameters. */
  gradients: Record<string, Tensor>;
}

/** Every method rejects with a BeitError: after dispose() with code `disposed`, once the engine has ended by itself with `engine-lost`. */
export interface Engine {
  readonly info: EngineInfo;
  /** False after dispose(), and once the engine is lost. */
  readonly usable: boolean;
  memory(): Promise<MemoryUse>;
  /** Returns BeitConfig's fields, from the text of config.json. */
  readConfig(json: string): Promise<ConfigFields>;
  /** Returns the tensors of a safetensors file; F16 and BF16 widened to F32. */
  readTensors(bytes: Uint8Array): Promise<Record<string, AnyTensor>>;
  /** Returns the pixels of an encoded image: always three channels, RGB. */
  decodeImage(bytes: Uint8Array, label: string): Promise<RawImage>;
  openProcessor(json: string): Promise<OpenedProcessor>;
  preprocess(processor: number, images: EngineImage[], call?: CallOptions): Promise<Preprocessed>;
  /** Returns (1, height, width); `map` has one channel. */
  preprocessMap(processor: number, map: RawImage): Promise<LabelMap>;
  /** Returns the labels of one image's logits (1, L, h, w), resized to `size`, or as they are for null. */
  segment(logits: Tensor, size: Size | null, extras: SegmentationExtras): Promise<SegmentationMap>;
  loadModel(source: Source, spec: ModelSpec, call?: LoadCallOptions): Promise<LoadedModel>;
  inspect(source: Source, spec: ModelSpec, call?: LoadCallOptions): Promise<Inspection>;
  /**
   * Loads a model, and returns its loss for inputs that have labels, with the gradients of all parameters. branchScale: (layers, 2, B), what
   * each layer's two branches are multiplied by in each image. Only of an engine that trains.
   */
  gradients(source: Source, spec: ModelSpec, inputs: ForwardInputs, branchScale: Tensor | null, call?: LoadCallOptions): Promise<Gradients>;
  /**
   * Writes a checkpoint to `sink` as one safetensors file with transformers' names, its values of type `dtype`; of the
   * model's memory this takes that of the largest tensor. Returns what was written, and the source's config.
   */
  convert(source: Source, spec: ModelSpec, dtype: ConversionType, sink: ConversionSink, call?: LoadCallOptions): Promise<ConversionFacts>;
  /**
   * Runs one forward pass; passes of one engine run one after the other, by priority. Returns the outputs by
   * the reference's names: last_hidden_state, logits, hidden_states.0, …
   */
  forward(model: number, inputs: ForwardInputs, switches: ForwardSwitches, call?: ForwardCallOptions): Promise<Record<string, Tensor>>;
  /** Does a task as a whole, with a processor and a model of this engine: an image comes in, and only the result goes out. */
  run<T extends EngineTask>(
    task: T,
    parts: TaskParts,
    image: EngineImage,
    settings: EngineTasks[T]['settings'],
    call?: ForwardCallOptions,
  ): Promise<EngineTasks[T]['result']>;
  /** Returns the linear head that fits these features best, and its judgement of each of them by a fit without it. */
  fitHead(examples: TeachingExamples): Promise<HeadFit>;
  /** Gives back the memory of a model or a processor; a running pass finishes first. */
  release(handle: number): Promise<void>;
  /** Gives everything back: models, processors, threads, the linear memory. */
  dispose(): Promise<void>;
}
