/** image-feature-extraction: from an image to what the encoder makes of it. */
import { failure, mismatch, shown } from '../../base/errors.js';
import type { Tensor } from '../../base/tensors.js';
import type { ForwardCallOptions } from '../../engine/engine.js';
import type { Source } from '../../sources/source.js';
import type { ModelOptions } from '../model-base.js';
import { BeitModel } from '../models.js';
import { assemble, openParts, runTask, type Pipeline, type PipelineOptions } from './base.js';

export interface FeatureOptions extends ForwardCallOptions {
  /**
   * Default: pooled, the pooler's output (C). tokens: the last hidden state (T, C). A number: that
   * hidden state (T, C), 0 the embeddings, counted from the end where it is negative.
   */
  output?: 'pooled' | 'tokens' | number | undefined;
  /** Give each vector the length 1, for searches by the product of two. Default: false */
  normalize?: boolean | undefined;
}

/**
 * From an image to what the encoder makes of it. Any checkpoint with an encoder will do; one without
 * a pooler (for masked images, for segmentation, a backbone) rejects what is pooled with missing-tensor.
 */
export type ImageFeatureExtractionPipeline = Pipeline<'image-feature-extraction', BeitModel, FeatureOptions, Tensor>;

export function makeFeatureExtraction(source: Source, options: ModelOptions & PipelineOptions): Promise<ImageFeatureExtractionPipeline> {
  const open = (given: ModelOptions) =>
    openParts(source, given, (signal) => BeitModel.fromPretrained(source, { ...given, signal, addPoolingLayer: 'auto' }));
  return assemble('image-feature-extraction', options, open, async (parts, image, given: FeatureOptions) => {
    const { model } = parts;
    const { output = 'pooled', normalize = false, ...call } = given;
    const states = model.config.numHiddenLayers + 1;
    const index = typeof output === 'number' && output < 0 ? output + states : output;
    if (output !== 'pooled' && output !== 'tokens' && !(Number.isInteger(index) && Number(index) >= 0 && Number(index) < states)) {
      throw mismatch('invalid-argument', 'output', shown(output), `pooled, tokens or a number from ${-states} to ${states - 1}`);
    }
    if (output === 'pooled' && !model.hasPooler) {
      throw failure(
        'missing-tensor',
        'output',
        "this checkpoint has no pooler, so nothing is pooled: ask for output 'tokens' (--layer tokens on the command line), " +
          `or for a layer by a number from ${-states} to ${states - 1}`,
      );
    }
    const settings = { output: typeof index === 'number' ? index : output, normalize };
    return runTask('image-feature-extraction', parts, image, settings, call);
  });
}
