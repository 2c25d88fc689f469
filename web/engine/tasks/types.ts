/** What tasks take and give: plain data, which crosses between threads. Types only. */
import type { OwnClampedBytes, RawImage, Size, Tensor } from '../../base/tensors.js';
import type { PatchMask } from './block-mask.js';

export interface Classification {
  label: string;
  /** From 0 to 1; of a regression, and with functionToApply none, the number itself. */
  score: number;
}

/** How logits become scores. */
export type ScoreFunction = 'softmax' | 'sigmoid' | 'none';

export interface LegendEntry {
  id: number;
  label: string;
  /** Red, green, blue, 0 to 255. */
  color: [red: number, green: number, blue: number];
  /** The share of the pixels that have this label, above 0 to 1. */
  share: number;
}

/** An RGBA picture, rows from the top: what ImageData takes. */
export interface Overlay {
  width: number;
  height: number;
  data: OwnClampedBytes;
}

/** The labels of an image, at the image's own size unless another was asked for. */
export interface Segmentation {
  width: number;
  height: number;
  /** A class id for each pixel, rows from the top. */
  labels: Uint16Array;
  /** The classes that occur, the largest first. */
  legend: LegendEntry[];
  /** On request: the probability of each pixel's label. */
  scores?: Float32Array;
  /** On request; half transparent. */
  overlay?: Overlay;
}

/** How labels are chosen. */
export interface LabelChoice {
  /** How many labels, best first; null for all. */
  topK: number | null;
  /** Leave out scores below this. */
  threshold?: number | undefined;
  /** Only these labels; their scores stay what they are among all. */
  allow?: readonly string[] | undefined;
  /** Not these labels. */
  deny?: readonly string[] | undefined;
}

/** How patches are hidden: by a mask, or by blockMask() of the image's grid. */
export interface Hiding {
  mask?: PatchMask | undefined;
  ratio?: number | undefined;
  seed?: number | undefined;
}

/** What a model predicts of an image of which patches are hidden. */
export interface HiddenPatches {
  /** What was hidden. */
  mask: PatchMask;
  /** The most likely token of each patch, hidden or not, and its probability. */
  tokens: Size & { data: Int32Array };
  probabilities: Float32Array;
  /** The image as the model gets it, what is hidden in grey. */
  maskedImage: RawImage;
  /** On request: (P, vocabSize). */
  logits?: Tensor;
  /** Of the image, and of what the model gets. */
  originalSize: Size;
  inputSize: Size;
}

/** The tasks that an engine does as a whole: what each takes beside an image, and what it gives. */
export interface EngineTasks {
  'image-classification': {
    /** functionToApply: by the config where it is not given. */
    settings: LabelChoice & { functionToApply?: ScoreFunction | undefined };
    result: Classification[];
  };
  'image-segmentation': {
    /** resultSize: the image's own where it is not given. */
    settings: { scores: boolean; overlay: boolean; resultSize?: Size | 'logits' | undefined };
    result: Segmentation;
  };
  'image-feature-extraction': {
    /** The pooler's output, the last hidden state, or the hidden state of that number. */
    settings: { output: 'pooled' | 'tokens' | number; normalize: boolean };
    result: Tensor;
  };
  /** What Teacher learns from: the pooled states (layers + 1, C). */
  'pooled-states': { settings: Record<never, never>; result: Tensor };
  'masked-image-modeling': { settings: Hiding & { logits: boolean }; result: HiddenPatches };
}

export type EngineTask = keyof EngineTasks;

/** What a task runs on: handles of one engine. */
export interface TaskParts {
  processor: number;
  model: number;
}
