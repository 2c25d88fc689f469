/** image-segmentation: from an image to the class of each of its pixels. */
import type { ForwardCallOptions } from '../../engine/engine.js';
import type { Segmentation } from '../../engine/tasks/types.js';
import type { Source } from '../../sources/source.js';
import { BeitForSemanticSegmentation, type SegmentationModelOptions } from '../models.js';
import { assemble, openParts, runTask, type Pipeline, type PipelineOptions } from './base.js';

export interface SegmentOptions extends ForwardCallOptions {
  /** Give the probability of each pixel's label, too. */
  scores?: boolean | undefined;
  /** Give an RGBA picture of the labels' colours, too, to be drawn over the image. */
  overlay?: boolean | undefined;
}

/** From an image to the class of each of its pixels. */
export type ImageSegmentationPipeline = Pipeline<'image-segmentation', BeitForSemanticSegmentation, SegmentOptions, Segmentation>;

export function makeImageSegmentation(
  source: Source,
  options: SegmentationModelOptions & PipelineOptions,
): Promise<ImageSegmentationPipeline> {
  const open = (given: SegmentationModelOptions) =>
    // No loss is asked for here, so the head that only a loss needs is left out.
    openParts(source, given, () => BeitForSemanticSegmentation.fromPretrained(source, { ...given, auxiliaryHead: false }));
  return assemble('image-segmentation', options, open, (parts, image, given: SegmentOptions) => {
    const { scores = false, overlay = false, ...call } = given;
    return runTask('image-segmentation', parts, image, { scores, overlay }, call);
  });
}
