/// <reference lib="esnext.disposable" preserve="true" />
/** What every pipeline is: a processor, a model, and a function from an image to a result. */
import { disposeSymbol } from '../../base/dispose.js';
import type { MemoryUse, RuntimeInfo } from '../../engine/engine.js';
import type { Source } from '../../sources/source.js';
import { BeitImageProcessor } from '../image-processor.js';
import type { ImageInput } from '../images.js';
import type { PreTrainedModel } from '../model-base.js';
import type { PretrainedOptions } from '../pretrained.js';

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

export interface Parts<Model> {
  model: Model;
  processor: BeitImageProcessor;
}

/** Loads processor and model, and returns the function that runs `one` for each image. */
export async function assemble<Name extends string, Model extends PreTrainedModel, Options, Result>(
  task: Name, source: Source, options: PretrainedOptions, load: () => Promise<Model>,
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
