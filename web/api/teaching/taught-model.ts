/** A head on a layer as what it is for everybody else: a BEiT of so many layers with a classifier. */
import type { Tensor } from '../../base/tensors.js';
import type { ModelSpec } from '../../engine/engine.js';
import type { Source, SourceLike } from '../../sources/source.js';
import { classifierConfig } from '../classifier-config.js';
import type { BeitConfig } from '../config.js';
import { loadPretrained, type ModelOptions } from '../model-base.js';
import { BeitForImageClassification } from '../models.js';
import type { PipelineOptions } from '../pipelines/base.js';
import { makeImageClassification, type ImageClassificationPipeline } from '../pipelines/classification.js';

/** A linear head on the pooled states of one layer; its logits are calibrated. */
export interface TaughtHead {
  layer: number;
  labels: string[];
  /** (labels, C) */
  weight: Float32Array;
  bias: Float32Array;
}

/** Returns the logits of features. */
export function logitsOf({ weight, bias }: TaughtHead, features: Float32Array): Float64Array {
  return Float64Array.from(bias, (value, k) => {
    const row = weight.subarray(k * features.length, (k + 1) * features.length);
    return features.reduce((sum, feature, c) => sum + feature * row[c]!, value);
  });
}

/** Returns which model that is of the base's checkpoint. */
export function taughtSpec(base: BeitConfig, head: TaughtHead): ModelSpec & { configJson: string } {
  const channels = base.hiddenSize;
  const filled = (value: number): Tensor => ({ dims: [channels], data: new Float32Array(channels).fill(value) });
  return {
    className: 'BeitForImageClassification',
    // The head was fitted to the mean of the patches, normalised without weights.
    configJson: JSON.stringify(classifierConfig(base, { labels: head.labels, layers: head.layer, meanPooling: true })),
    replaced: {
      'beit.pooler.layernorm.weight': filled(1),
      'beit.pooler.layernorm.bias': filled(0),
      'classifier.weight': { dims: [head.labels.length, channels], data: head.weight },
      'classifier.bias': { dims: [head.labels.length], data: head.bias },
    },
  };
}

class TaughtClassifier extends BeitForImageClassification {
  static load(base: BeitConfig, head: TaughtHead): typeof BeitForImageClassification.fromPretrained {
    const { configJson: config, className, replaced } = taughtSpec(base, head);
    // The head was fitted to features in floats.
    return (source: SourceLike, options: ModelOptions = {}) =>
      loadPretrained(
        { className, replaced },
        source,
        { dtype: 'f32', ...options, config },
        (lease, loaded) => new TaughtClassifier(lease, loaded),
      );
  }
}

/** Opens the base's checkpoint as the taught model. */
export function openTaught(
  source: Source,
  base: BeitConfig,
  head: TaughtHead,
  options: ModelOptions & PipelineOptions,
): Promise<ImageClassificationPipeline> {
  return makeImageClassification(source, options, TaughtClassifier.load(base, head));
}
