/** config.json of a model that is made of another checkpoint. */
import type { BeitConfig } from './config.js';

export interface ClassifierChanges {
  labels: readonly string[];
  /** Default: the base's */
  layers?: number;
  meanPooling?: boolean;
}

/** Returns its fields, as transformers reads them. */
export function classifierConfig(base: BeitConfig, { labels, layers, meanPooling }: ClassifierChanges): Record<string, unknown> {
  return {
    ...encoderConfig(base),
    num_hidden_layers: layers ?? base.numHiddenLayers,
    use_mask_token: false,
    use_mean_pooling: meanPooling ?? base.useMeanPooling,
    // No problem_type: where that says single_label_classification, transformers 4's pipeline gives each label a sigmoid.
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
}

/** Returns those of a model of masked images. */
export function maskedConfig(base: BeitConfig): Record<string, unknown> {
  return { ...encoderConfig(base), use_mask_token: true, use_mean_pooling: base.useMeanPooling, vocab_size: base.vocabSize };
}

function encoderConfig(base: BeitConfig): Record<string, unknown> {
  const size = ({ height, width }: { height: number; width: number }): unknown => (height === width ? height : [height, width]);
  return {
    hidden_size: base.hiddenSize,
    num_hidden_layers: base.numHiddenLayers,
    num_attention_heads: base.numAttentionHeads,
    intermediate_size: base.intermediateSize,
    hidden_act: base.hiddenAct,
    layer_norm_eps: base.layerNormEps,
    image_size: size(base.imageSize),
    patch_size: size(base.patchSize),
    num_channels: base.numChannels,
    use_absolute_position_embeddings: base.useAbsolutePositionEmbeddings,
    use_relative_position_bias: base.useRelativePositionBias,
    use_shared_relative_position_bias: base.useSharedRelativePositionBias,
    layer_scale_init_value: base.layerScaleInitValue,
  };
}
