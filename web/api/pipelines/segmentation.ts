/** image-segmentation: from an image to the class of each of its pixels. */
import { mismatch, shown } from '../../base/errors.js';
import { sizeOf, type Size } from '../../base/tensors.js';
import type { ForwardCallOptions } from '../../engine/engine.js';
import type { Segmentation } from '../../engine/tasks/types.js';
import type { Source } from '../../sources/source.js';
import { BeitForSemanticSegmentation, type SegmentationModelOptions } from '../models.js';
import { assemble, openParts, runTask, type Pipeline, type PipelineOptions } from './base.js';

export interface SegmentOptions extends ForwardCallOptions {
  /**
   * Of the label map: a height and a width, or logits: as many labels as the model gives logits, the least work. Default:
   * the image's own
   */
  resultSize?: Size | 'logits' | undefined;
  /** Give the probability of each pixel's label, too. */
  scores?: boolean | undefined;
  /** Give an RGBA picture of the labels' colours, too, to be drawn over the image. */
  overlay?: boolean | undefined;
}

/** From an image to the class of each of its pixels. */
export type ImageSegmentationPipeline = Pipeline<'image-segmentation', BeitForSemanticSegmentation, SegmentOptions, Segmentation>;

/** `load` makes the model of the source. */
export function makeImageSegmentation(
  source: Source,
  options: SegmentationModelOptions & PipelineOptions,
  load: typeof BeitForSemanticSegmentation.fromPretrained = BeitForSemanticSegmentation.fromPretrained,
): Promise<ImageSegmentationPipeline> {
  const open = (given: SegmentationModelOptions) =>
    // No loss is asked for here, so the head that only a loss needs is left out.
    openParts(source, given, (signal) => load(source, { ...given, signal, auxiliaryHead: false }));
  return assemble('image-segmentation', options, open, (parts, image, given: SegmentOptions) => {
    const { scores = false, overlay = false, resultSize, ...call } = given;
    return runTask('image-segmentation', parts, image, { scores, overlay, resultSize: checkedSize(resultSize) }, call);
  });
}

/** Returns a size that was given, as it is used. Throws invalid-argument for what is none. */
export function checkedSize(size: SegmentOptions['resultSize']): Size | 'logits' | undefined {
  if (size === undefined || size === 'logits') return size;
  if (typeof size === 'object' && size !== null) return sizeOf(size, 'resultSize');
  throw mismatch('invalid-argument', 'resultSize', shown(size), 'a height and a width, or "logits"');
}
