/// <reference lib="esnext.disposable" preserve="true" />
/** Tasks in one call, as transformers' pipelines. */
import { rank, scoreFunctionOf, select, type Classification, type ScoreFunction } from './classification.js';
import { disposeSymbol } from './dispose.js';
import type { ForwardCallOptions, MemoryUse, RuntimeInfo } from './engine.js';
import { failure, mismatch } from './errors.js';
import { BeitImageProcessor } from './image-processor.js';
import type { ImageInput } from './images.js';
import type { ModelOptions, PreTrainedModel } from './model-base.js';
import { BeitForImageClassification, BeitForSemanticSegmentation, BeitModel } from './models.js';
import { platform } from './platform.js';
import { throwIfAborted } from './scheduling.js';
import { legendOf, overlayOf, type LegendEntry, type Overlay } from './segmentation.js';
import type { Source, SourceLike } from './sources.js';
import type { Tensor } from './tensors.js';

export interface ClassifyOptions extends ForwardCallOptions {
  /** How many labels, best first; null for all. Default: 5 */
  topK?: number | null | undefined;
  /** How logits become scores. Default: by the config, as the reference does. */
  functionToApply?: ScoreFunction | undefined;
  /** Leave out scores below this. */
  threshold?: number | undefined;
  /** Only these labels; their scores stay what they are among all. */
  allow?: readonly string[] | undefined;
  /** Not these labels. */
  deny?: readonly string[] | undefined;
}

export interface SegmentOptions extends ForwardCallOptions {
  /** Give the probability of each pixel's label, too. */
  scores?: boolean | undefined;
  /** Give an RGBA picture of the labels' colours, too, to be drawn over the image. */
  overlay?: boolean | undefined;
}

/** The labels of an image, at the image's own size. */
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

export interface FeatureOptions extends ForwardCallOptions {
  /**
   * Default: pooled, the pooler's output (C). tokens: the last hidden state (T, C). A number: that
   * hidden state (T, C), 0 the embeddings, counted from the end where it is negative.
   */
  output?: 'pooled' | 'tokens' | number | undefined;
}

/** A function from an image to a result; from a list of images to a list of results. */
export interface Pipeline<Name extends string, Model, Options, Result> {
  (image: ImageInput, options?: Options): Promise<Result>;
  (images: readonly ImageInput[], options?: Options): Promise<Result[]>;
  readonly task: Name;
  readonly model: Model;
  readonly processor: BeitImageProcessor;
  /** Returns what is used and, in a sentence, why. */
  runtimeInfo(): RuntimeInfo;
  memory(): Promise<MemoryUse>;
  /** Gives the model's and the processor's memory back. */
  dispose(): Promise<void>;
  [Symbol.dispose](): void;
}

/** From an image to its labels, best first. */
export type ImageClassificationPipeline = Pipeline<'image-classification', BeitForImageClassification, ClassifyOptions, Classification[]>;
/** From an image to the class of each of its pixels. */
export type ImageSegmentationPipeline = Pipeline<'image-segmentation', BeitForSemanticSegmentation, SegmentOptions, Segmentation>;
/** From an image to what the encoder makes of it. */
export type ImageFeatureExtractionPipeline = Pipeline<'image-feature-extraction', BeitModel, FeatureOptions, Tensor>;

/** The pipelines by task. */
interface Tasks {
  'image-classification': ImageClassificationPipeline;
  'image-segmentation': ImageSegmentationPipeline;
  'image-feature-extraction': ImageFeatureExtractionPipeline;
}

export type Task = keyof Tasks;

type Maker<T extends Task> = (source: Source, options: ModelOptions) => Promise<Tasks[T]>;

const MAKERS: { [T in Task]: { make: Maker<T>; embedded: 'classifier' | null } } = {
  'image-classification': { make: makeImageClassification, embedded: 'classifier' },
  'image-segmentation': { make: makeImageSegmentation, embedded: null },
  'image-feature-extraction': { make: makeFeatureExtraction, embedded: 'classifier' },
};

/**
 * Returns the pipeline of a task, ready to be called. Without a source it runs the checkpoint that
 * ships with this package, where one can do the task. Rejects with invalid-argument for an unknown
 * task or a source that is missing, else like the class's fromPretrained().
 */
export async function pipeline<T extends Task>(
  task: T, source?: SourceLike | null, options: ModelOptions = {},
): Promise<Tasks[T]> {
  if (!Object.hasOwn(MAKERS, task)) {
    throw mismatch('invalid-argument', 'task', JSON.stringify(task), Object.keys(MAKERS).join(' or '));
  }
  const { make, embedded } = MAKERS[task];
  throwIfAborted(options.signal);
  if (source != null) return make(await platform().resolveSource(source, options), options);
  if (!embedded) throw mismatch('invalid-argument', 'source', 'none', `a checkpoint, since none for ${task} ships with this package`);
  return make(platform().embedded(embedded), options);
}

function makeImageClassification(source: Source, options: ModelOptions): Promise<ImageClassificationPipeline> {
  const load = () => BeitForImageClassification.fromPretrained(source, options);
  return assemble('image-classification', source, options, load, async ({ model, processor }, image, given: ClassifyOptions) => {
    const { topK = 5, functionToApply, threshold, allow, deny, ...call } = given;
    const { pixelValues } = await processor.preprocess(image, call);
    const { logits } = await model.forward({ pixelValues }, call);
    const { problemType, numLabels, id2label } = model.config;
    const ranked = rank(logits.data, id2label, null, functionToApply ?? scoreFunctionOf(problemType, numLabels));
    return select(ranked, { topK, threshold, allow, deny });
  });
}

function makeImageSegmentation(source: Source, options: ModelOptions): Promise<ImageSegmentationPipeline> {
  // No loss is asked for here, so the head that only a loss needs is left out.
  const load = () => BeitForSemanticSegmentation.fromPretrained(source, { ...options, auxiliaryHead: false });
  return assemble('image-segmentation', source, options, load, async ({ model, processor }, image, given: SegmentOptions) => {
    const { scores = false, overlay = false, ...call } = given;
    const { pixelValues, originalSizes } = await processor.preprocess(image, call);
    const outputs = await model.forward({ pixelValues }, call);
    const [map] = await processor.postProcessSemanticSegmentation(outputs, { targetSizes: originalSizes, scores });
    const { width, height, labels } = map!;
    return {
      width, height, labels, legend: legendOf(map!, model.config.id2label),
      ...(map!.scores && { scores: map!.scores }),
      ...(overlay && { overlay: overlayOf(map!, HALF_TRANSPARENT) }),
    };
  });
}

function makeFeatureExtraction(source: Source, options: ModelOptions): Promise<ImageFeatureExtractionPipeline> {
  const load = () => BeitModel.fromPretrained(source, options);
  return assemble('image-feature-extraction', source, options, load, async ({ model, processor }, image, given: FeatureOptions) => {
    const { output = 'pooled', ...call } = given;
    const states = model.config.numHiddenLayers + 1;
    const index = typeof output === 'number' && output < 0 ? output + states : output;
    if (output !== 'pooled' && output !== 'tokens' && !(Number.isInteger(index) && Number(index) >= 0 && Number(index) < states)) {
      throw mismatch('invalid-argument', 'output', JSON.stringify(output), `pooled, tokens or a number from ${-states} to ${states - 1}`);
    }
    const { pixelValues } = await processor.preprocess(image, call);
    const outputs = await model.forward({ pixelValues }, { ...call, outputHiddenStates: typeof index === 'number' });
    const found = typeof index === 'number' ? outputs.hiddenStates?.[index] : index === 'pooled' ? outputs.poolerOutput : outputs.lastHiddenState;
    if (!found) throw failure('missing-tensor', 'output', 'the model gives no such features');
    return { dims: found.dims.slice(1), data: found.data };
  });
}

const HALF_TRANSPARENT = 128;

interface Parts<Model> {
  model: Model;
  processor: BeitImageProcessor;
}

/** Loads processor and model, and returns the function that runs `one` for each image. */
async function assemble<Name extends string, Model extends PreTrainedModel, Options, Result>(
  task: Name, source: Source, options: ModelOptions, load: () => Promise<Model>,
  one: (parts: Parts<Model>, image: ImageInput, options: Options) => Promise<Result>,
): Promise<Pipeline<Name, Model, Options, Result>> {
  const processor = await BeitImageProcessor.fromPretrained(source, options);
  let model: Model;
  try {
    model = await load();
  } catch (error) {
    await processor.dispose();
    throw error;
  }
  // One image at a time: memory stays that of one, and the cores are busy with one.
  const run = async (images: ImageInput | readonly ImageInput[], given: Options = {} as Options): Promise<unknown> => {
    if (!Array.isArray(images)) return one({ model, processor }, images as ImageInput, given);
    const results: Result[] = [];
    for (const image of images as readonly ImageInput[]) results.push(await one({ model, processor }, image, given));
    return results;
  };
  const dispose = async (): Promise<void> => {
    await model.dispose();
    await processor.dispose();
  };
  return Object.assign(run, {
    task,
    model,
    processor,
    runtimeInfo: () => model.runtimeInfo(),
    memory: () => model.memory(),
    dispose,
    [disposeSymbol]: () => void dispose(),
  }) as Pipeline<Name, Model, Options, Result>;
}
