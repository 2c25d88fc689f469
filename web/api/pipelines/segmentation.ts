/** image-segmentation: from an image to the class of each of its pixels. */
import type { ForwardCallOptions } from '../../engine/engine.js';
import type { Source } from '../../sources/source.js';
import { BeitForSemanticSegmentation, type SegmentationModelOptions } from '../models.js';
import { legendOf, overlayOf, type LegendEntry, type Overlay } from '../results/segmentation.js';
import { assemble, openParts, type Pipeline, type PipelineOptions } from './base.js';

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

/** From an image to the class of each of its pixels. */
export type ImageSegmentationPipeline = Pipeline<'image-segmentation', BeitForSemanticSegmentation, SegmentOptions, Segmentation>;

const HALF_TRANSPARENT = 128;

export function makeImageSegmentation(source: Source, options: SegmentationModelOptions & PipelineOptions): Promise<ImageSegmentationPipeline> {
  const open = (given: SegmentationModelOptions) =>
    // No loss is asked for here, so the head that only a loss needs is left out.
    openParts(source, given, () => BeitForSemanticSegmentation.fromPretrained(source, { ...given, auxiliaryHead: false }));
  return assemble('image-segmentation', options, open, async ({ model, processor }, image, given: SegmentOptions) => {
    const { scores = false, overlay = false, ...call } = given;
    const { pixelValues, originalSizes } = await processor.preprocess(image, call);
    const outputs = await model.forward({ pixelValues }, { ...call, transfer: true });
    const [map] = await processor.postProcessSemanticSegmentation(outputs, { targetSizes: originalSizes, scores });
    const { width, height, labels } = map!;
    return {
      width, height, labels, legend: legendOf(map!, model.config.id2label),
      ...(map!.scores && { scores: map!.scores }),
      ...(overlay && { overlay: overlayOf(map!, HALF_TRANSPARENT) }),
    };
  });
}
