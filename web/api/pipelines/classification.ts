/** image-classification: from an image to its labels. */
import type { ForwardCallOptions } from '../../engine/engine.js';
import type { Classification, ScoreFunction } from '../../engine/tasks/types.js';
import type { Source } from '../../sources/source.js';
import type { ModelOptions } from '../model-base.js';
import { BeitForImageClassification } from '../models.js';
import { assemble, openParts, runTask, type Pipeline, type PipelineOptions } from './base.js';

export interface ClassifyOptions extends ForwardCallOptions {
  /** How many labels, best first; null for all. Default: 5 */
  topK?: number | null | undefined;
  /**
   * How logits become scores. Default: by the config, as transformers 5 does: a regression gives its numbers.
   * Transformers 4 has 'sigmoid' for a regression of one output and 'softmax' for one of several.
   */
  functionToApply?: ScoreFunction | undefined;
  /** Leave out scores below this. */
  threshold?: number | undefined;
  /** Only these labels; their scores stay what they are among all. */
  allow?: readonly string[] | undefined;
  /** Not these labels. */
  deny?: readonly string[] | undefined;
}

/** From an image to its labels, best first. */
export type ImageClassificationPipeline = Pipeline<'image-classification', BeitForImageClassification, ClassifyOptions, Classification[]>;

/** `load` makes the model of the source. */
export function makeImageClassification(
  source: Source,
  options: ModelOptions & PipelineOptions,
  load: typeof BeitForImageClassification.fromPretrained = BeitForImageClassification.fromPretrained,
): Promise<ImageClassificationPipeline> {
  const open = (given: ModelOptions) => openParts(source, given, (signal) => load(source, { ...given, signal }));
  return assemble('image-classification', options, open, (parts, image, given: ClassifyOptions) => {
    const { topK = 5, functionToApply, threshold, allow, deny, ...call } = given;
    return runTask('image-classification', parts, image, { topK, functionToApply, threshold, allow, deny }, call);
  });
}
