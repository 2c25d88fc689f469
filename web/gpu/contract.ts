/** What gpu.js, gpu-extras.js and gpu-tokenizer.js, which import nothing of each other, know of each other. */
import type { Gpu } from './device.js';
import type { Gather } from './gather.js';
import type { GridSize } from './grid-resize.js';
import type { Packing, Tile } from './kernels.js';
import type { AnyShape, ModelDescription, ModelShape } from './shape.js';
import type { Buffers, Copy, Draft, Step } from './steps.js';

/** A constant matrix (outputs, inputs), and one behind the other a bias, a factor and a scale for each output. */
export interface Matrix {
  outputs: number;
  /** Padded inputs. */
  inputs: number;
  weights: GPUBuffer;
  vectors: GPUBuffer;
  /** Default: floats. */
  packing?: Packing | undefined;
}

/** Takes all values of a tensor. */
export type Taker = (values: Float32Array) => void;

/** What weights are made with. */
export interface Filler {
  shape: ModelShape;
  /** By the tensors' names. */
  takers: Map<string, Taker>;
  /** Until all have come. */
  temporary: Buffers;
  write(buffer: GPUBuffer, floats: number, values: Float32Array): void;
  /** Returns a matrix of zeros, of no tensor. */
  bare(rows: number, inputs: number): Matrix;
  matrix(name: string, rows: number, inputs: number): Matrix;
  normOf(name: string): GPUBuffer;
}

/** What a pass is for. */
export interface Inputs {
  batch: number;
  /** In pixels. */
  height: number;
  width: number;
  /** Names of what is wanted of each layer: hidden_states, attentions, pooled_states. */
  layerOutputs: string;
  /** Whether a segmentation's logits stay there. */
  keepLogits: boolean;
}

export interface ProductOptions {
  activation?: number;
  /** Whether it is added to what is there. */
  add?: boolean;
  /** Rows of the operand: how many lie behind each other, how far runs are apart and where the first begins. */
  perRun?: number;
  inStride?: number;
  inBegin?: number;
  outStride?: number;
  outBegin?: number;
  gather?: Gather;
}

/** What passes of any model write themselves down with. */
export interface StepWriter {
  inputs: Inputs;
  buffers: Buffers;
  product(matrix: Matrix, from: GPUBuffer, to: GPUBuffer, rows: number, options?: ProductOptions): void;
  /** Has a thread for each of so many elements. */
  each(code: string, count: number, parameters: number[], ...bound: GPUBuffer[]): void;
  /** Has rows of so many floats, padded, read back. */
  output(name: string, from: GPUBuffer, dims: number[], length?: number): void;
}

/** What parts of an encoder's pass write themselves down with. */
export interface PassWriter extends StepWriter {
  grid: GridSize;
  /** Of all states at the end, if there is one. */
  lastNorm: GPUBuffer | null;
  /** (batch * tokens) rows: what layers add to, and room for as much. */
  states: GPUBuffer;
  normalized: GPUBuffer;
  /** `count`: rows, if not those of states. */
  norm(vectors: GPUBuffer, from: GPUBuffer, to: GPUBuffer, count?: number): void;
  /** Returns a row for each image: its normalised class token, or the mean of its patches, normalised. */
  pooled(): GPUBuffer;
}

/** Rows (height * width, padded channels) of one image. */
export interface FeatureMap extends GridSize {
  values: GPUBuffer;
}

/** What a pass ends in. */
export interface End {
  /** How many layers it needs. */
  layers: number;
  /** Returns how many floats of an image are read back, where they may be more than a layer makes. */
  floats?(tokens: number): number;
  /** Computes what is made of several tensors, when all have come. */
  finish?(): Promise<void>;
  /** Writes down what becomes of the states after a layer (0: the embeddings). */
  after?(writer: PassWriter, index: number): void;
  /** Writes down the rest. Returns a segmentation's logits. */
  rest?(writer: PassWriter): FeatureMap | null;
}

/** What is kept of each layer. */
export interface Recorder {
  /** Returns how many floats of an image are bound as one buffer at most, and how many are read back. */
  floats(tokens: number): [bound: number, read: number];
  /** Writes down what is wanted of the states after a layer (0: the embeddings). */
  after(writer: PassWriter, index: number): void;
  /** Writes down what is wanted of a layer's attention. `table`: its biases. */
  attended(writer: PassWriter, index: number, queryKeyValue: GPUBuffer, table: GPUBuffer | undefined): void;
}

/** A segmentation's map of labels, in place of its logits. */
export interface MapWanted {
  /** Null: that of the logits. */
  size: GridSize | null;
  scores: boolean;
}

export interface LabelledPixels extends GridSize {
  labels: Uint16Array;
  /** Each label's probability, where wanted. */
  scores: Float32Array | null;
}

/** What of a GPU is tried, as a part of a sentence, and what is to come out in its last buffer. */
export type Check = readonly [name: string, draft: Draft, expected: Float64Array, ...unknown[]];

/** That of attention, and behind it the share of each key in padded rows. */
export type AttentionCheck = readonly [name: string, draft: Draft, expected: Float64Array, shares: Float64Array];

/** What weights of any model have. */
export interface Filling {
  buffers: Buffers;
  /** What takes the values of each tensor that is still to come, by its name. */
  takers: Map<string, Taker>;
  end?: End | null;
}

/** What weights of any model are made with. */
export interface StartedWeights {
  takers: Filling['takers'];
  /** Throws where the GPU cannot read as much at once. */
  make(floats: number): GPUBuffer;
  write(buffer: GPUBuffer, floats: number, values: Float32Array): void;
  /** Returns a matrix of zeros, of no tensor. */
  bare(rows: number, inputs: number, packing?: Packing): Matrix;
}

export interface Output {
  name: string;
  /** In the buffer that is read back. */
  at: number;
  /** (batch, …) */
  dims: number[];
  /** What lies behind each other of it, padded. */
  rows: number;
  length: number;
}

/** What has been written of a pass; `bytes`: of all outputs. */
export interface WrittenPass {
  drafts: (Draft | Copy)[];
  outputs: Output[];
  bytes: number;
}

/** What a pass is before its kernels are compiled. */
export interface PassDraft extends WrittenPass {
  /** Pixels, or tokens. */
  pixels: GPUBuffer;
  mask: GPUBuffer | null;
  /** Of a segmentation. */
  logits: FeatureMap | null;
}

/** What writes a pass down, and what it has written. */
export interface StartedPass {
  writer: StepWriter;
  pass: WrittenPass;
}

/** Inputs as the caller gives them. */
export interface GivenInputs {
  pixelValues?: { dims: readonly number[]; data: ArrayLike<number> } | undefined;
  tokens?: { dims: readonly number[]; data: Int32Array } | undefined;
}

/** What models of one kind have of their own: BEiT's encoders, or the halves of DALL-E's tokenizer. */
export interface Kind {
  /** Returns a model's shape, or why the GPU cannot run it, as a part of a sentence. */
  shapeOf(description: ModelDescription): AnyShape | string;
  /** Returns about how many operations a pass takes on one image of the usual size. */
  operationsOf(shape: AnyShape): number;
  /** Returns whether a pass needs the extras. */
  needsExtras(shape: AnyShape, size: GridSize): boolean;
  /** Tries the kernels of a shape. Returns as Kit.checkOnce(). */
  checkKernels(gpu: Gpu, shape: AnyShape, extras: Extras | null): Promise<string | null>;
  /** Returns weights of zeros, to be filled. Throws where the GPU cannot have them. `extras`: where they are needed. */
  makeWeights(buffers: Buffers, temporary: Buffers, shape: AnyShape, kit: Kit, extras: Extras | null): Filling;
  /** Returns how many images fit in one pass. */
  mostImages(gpu: Gpu, shape: AnyShape, weights: Filling, size: GridSize, recorder?: Recorder | null): number;
  /** Writes a pass down. */
  draftPass(
    buffers: Buffers,
    shape: AnyShape,
    weights: Filling,
    inputs: Inputs,
    extras: Extras | null,
    recorder: Recorder | null,
  ): PassDraft;
  /** Returns what the core says of inputs that do not fit, where that is not said of encoders: an error's code, where, got and expected. */
  wrongIn?(shape: AnyShape, inputs: GivenInputs): WrongInput | null;
}

export type WrongInput = [code: 'wrong-shape' | 'invalid-argument', where: string, got: string, expected: string];

/** What the other files have of gpu.js. */
export interface Kit {
  startPass(buffers: Buffers, inputs: Inputs): StartedPass;
  startWeights(buffers: Buffers): StartedWeights;
  MEAN: string;
  attention(buffers: Buffers, width: number): AttentionCheck;
  /** Tries kernels, once a device. Returns what is wrong, as a part of a sentence, or null. */
  checkOnce(gpu: Gpu, name: string, make: (buffers: Buffers) => Check[]): Promise<string | null>;
  /** Returns numbers between -1 and 1, the same each time. */
  numbers(count: number, seed: number): Float32Array;
  tiles: readonly Tile[];
  Buffers: typeof Buffers;
  activationNumber(name: string): number;
  eachKernel(fields: string, buffers: readonly string[], body: string, functions?: string): string;
  productKernel(tile: Tile, gather?: Gather): string;
  eachDraft(code: string, count: number, parameters: readonly number[], buffers: readonly GPUBuffer[]): Draft;
  productDraft(matrix: Matrix, from: GPUBuffer, to: GPUBuffer, rows: number, options?: ProductOptions, tile?: Tile): Draft;
  pipelinesOf(gpu: Gpu, drafts: readonly (Draft | Copy)[]): Promise<(GPUComputePipeline | null)[]>;
  encode(device: GPUDevice, steps: readonly Step[], result: GPUBuffer): GPUCommandBuffer;
}

/** What the rest has of the extras. */
export interface Extras {
  /** Returns what follows from a model's class, to be filled. */
  makeEnd(kit: Kit, gpu: Gpu, filler: Filler): End;
  /** Rejects where a GPU is wrong in what is wanted. */
  recorderOf(kit: Kit, gpu: Gpu, shape: ModelShape, names: string): Promise<Recorder>;
  /** Returns (new height, new width, channels) of (height, width, channels). */
  resizeGrid(values: Float32Array, from: GridSize, to: GridSize, channels: number, cubic: boolean): Float32Array;
  /** By dtype; floats go without. */
  packings: Readonly<Partial<Record<ModelShape['dtype'], Packing>>>;
  moreChecks(kit: Kit, buffers: Buffers, shape: ModelShape): Check[];
  resizeBiasTable(table: Float32Array, trained: GridSize, grid: GridSize, heads: number): Float32Array;
  labelPixels(
    kit: Kit,
    gpu: Gpu,
    logits: FeatureMap,
    labels: number,
    wanted: MapWanted,
    signal: AbortSignal | null | undefined,
  ): Promise<LabelledPixels>;
}
