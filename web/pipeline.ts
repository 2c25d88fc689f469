/// <reference lib="esnext.disposable" preserve="true" />
/** Tasks in one call, as transformers' pipelines. */
import { rank, scoreFunctionOf, type Classification, type ScoreFunction } from './classification.js';
import { disposeSymbol } from './dispose.js';
import type { ForwardCallOptions, MemoryUse, RuntimeInfo } from './engine.js';
import { mismatch } from './errors.js';
import { BeitImageProcessor } from './image-processor.js';
import type { ImageInput } from './images.js';
import { BeitForImageClassification, type ModelOptions } from './models.js';
import { platform } from './platform.js';
import { throwIfAborted } from './scheduling.js';
import type { Source, SourceLike } from './sources.js';

export interface ClassifyOptions extends ForwardCallOptions {
  /** How many labels, best first; null for all. Default: 5 */
  topK?: number | null | undefined;
  /** How logits become scores. Default: by the config, as the reference does. */
  functionToApply?: ScoreFunction | undefined;
}

/** A function from an image to its labels, best first; from a list of images to a list of those. */
export interface ImageClassificationPipeline {
  (image: ImageInput, options?: ClassifyOptions): Promise<Classification[]>;
  (images: readonly ImageInput[], options?: ClassifyOptions): Promise<Classification[][]>;
  readonly task: 'image-classification';
  readonly model: BeitForImageClassification;
  readonly processor: BeitImageProcessor;
  /** Returns what is used and, in a sentence, why. */
  runtimeInfo(): RuntimeInfo;
  memory(): Promise<MemoryUse>;
  /** Gives the model's and the processor's memory back. */
  dispose(): Promise<void>;
  [Symbol.dispose](): void;
}

/** The pipelines by task. */
interface Tasks {
  'image-classification': ImageClassificationPipeline;
}

export type Task = keyof Tasks;

type Maker<T extends Task> = (source: Source, options: ModelOptions) => Promise<Tasks[T]>;

const MAKERS: { [T in Task]: { make: Maker<T>; embedded: 'classifier' } } = {
  'image-classification': { make: makeImageClassification, embedded: 'classifier' },
};

/**
 * Returns the pipeline of a task, ready to be called. Without a source it runs the checkpoint that
 * ships with this package. Rejects with invalid-argument for an unknown task, else like
 * BeitForImageClassification.fromPretrained().
 */
export async function pipeline<T extends Task>(
  task: T, source?: SourceLike | null, options: ModelOptions = {},
): Promise<Tasks[T]> {
  if (!Object.hasOwn(MAKERS, task)) {
    throw mismatch('invalid-argument', 'task', JSON.stringify(task), Object.keys(MAKERS).join(' or '));
  }
  const { make, embedded } = MAKERS[task];
  throwIfAborted(options.signal);
  return make(source == null ? platform().embedded(embedded) : platform().resolveSource(source, options), options);
}

async function makeImageClassification(source: Source, options: ModelOptions): Promise<ImageClassificationPipeline> {
  const processor = await BeitImageProcessor.fromPretrained(source, options);
  let model: BeitForImageClassification;
  try {
    model = await BeitForImageClassification.fromPretrained(source, options);
  } catch (error) {
    await processor.dispose();
    throw error;
  }

  const one = async (image: ImageInput, { topK = 5, functionToApply, ...call }: ClassifyOptions): Promise<Classification[]> => {
    const { pixelValues } = await processor.preprocess(image, call);
    const { logits } = await model.forward({ pixelValues }, call);
    const { problemType, numLabels, id2label } = model.config;
    return rank(logits.data, id2label, topK, functionToApply ?? scoreFunctionOf(problemType, numLabels));
  };

  // One image at a time: memory stays that of one, and the cores are busy with one.
  const classify = async (images: ImageInput | readonly ImageInput[], given: ClassifyOptions = {}): Promise<unknown> => {
    if (!Array.isArray(images)) return one(images as ImageInput, given);
    const results: Classification[][] = [];
    for (const image of images as readonly ImageInput[]) results.push(await one(image, given));
    return results;
  };

  const dispose = async (): Promise<void> => {
    await model.dispose();
    await processor.dispose();
  };
  return Object.assign(classify, {
    task: 'image-classification',
    model,
    processor,
    runtimeInfo: () => model.runtimeInfo(),
    memory: () => model.memory(),
    dispose,
    [disposeSymbol]: () => void dispose(),
  }) as ImageClassificationPipeline;
}
