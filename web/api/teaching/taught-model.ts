/** A head on a layer as what it is for everybody else: a BEiT of so many layers with a classifier. */
import type { Tensor } from '../../base/tensors.js';
import type { ModelSpec } from '../../engine/engine.js';
import type { Source, SourceLike } from '../../sources/source.js';
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

/** Returns the text of config.json, as transformers reads it, for a head on a model of that config. */
function taughtConfig(base: BeitConfig, { layer, labels }: TaughtHead): string {
  const size = ({ height, width }: { height: number; width: number }): unknown => (height === width ? height : [height, width]);
  return JSON.stringify({
    hidden_size: base.hiddenSize,
    num_hidden_layers: layer,
    num_attention_heads: base.numAttentionHeads,
    intermediate_size: base.intermediateSize,
    hidden_act: base.hiddenAct,
    layer_norm_eps: base.layerNormEps,
    image_size: size(base.imageSize),
    patch_size: size(base.patchSize),
    num_channels: base.numChannels,
    use_mask_token: false,
    use_absolute_position_embeddings: base.useAbsolutePositionEmbeddings,
    use_relative_position_bias: base.useRelativePositionBias,
    use_shared_relative_position_bias: base.useSharedRelativePositionBias,
    layer_scale_init_value: base.layerScaleInitValue,
    // What the head was fitted to: the mean of the patches, normalised without weights.
    use_mean_pooling: true,
    // No problem_type: where that says single_label_classification, transformers 4's pipeline gives each label a sigmoid.
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  });
}

/** Returns which model that is of the base's checkpoint. */
export function taughtSpec(base: BeitConfig, head: TaughtHead): ModelSpec & { configJson: string } {
  const channels = base.hiddenSize;
  const filled = (value: number): Tensor => ({ dims: [channels], data: new Float32Array(channels).fill(value) });
  return {
    className: 'BeitForImageClassification',
    configJson: taughtConfig(base, head),
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
