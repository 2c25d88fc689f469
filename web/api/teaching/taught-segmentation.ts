/** A linear head on the map of a segmentation model as what it is for everybody else: that model with another last layer. */
import type { ModelSpec } from '../../engine/engine.js';
import type { SourceLike } from '../../sources/source.js';
import type { BeitConfig } from '../config.js';
import { loadPretrained } from '../model-base.js';
import { BeitForSemanticSegmentation, type SegmentationModelOptions } from '../models.js';
import type { BaseCheckpoint } from './base-checkpoint.js';
import { configFields } from './config-fields.js';
import type { StrokeFit } from './judgement.js';
import { modelCard, percent } from './model-card.js';

export interface SegmentationHead {
  labels: string[];
  /** (labels, C) */
  weight: Float32Array;
  bias: Float32Array;
}

/** Returns the head whose logits are the map itself. */
export function identityHead({ hiddenSize: channels }: BeitConfig): SegmentationHead {
  const weight = new Float32Array(channels * channels);
  for (let c = 0; c < channels; ++c) weight[c * (channels + 1)] = 1;
  return { labels: Array.from({ length: channels }, (_, c) => `${c}`), weight, bias: new Float32Array(channels) };
}

/** What config.json has no field for. */
const NOT_WRITTEN = ['architectures', 'unknownFields', 'numLabels', 'label2id'];

/** Returns which model that is of the base's checkpoint. */
export function segmentationSpec(base: BeitConfig, { labels, weight, bias }: SegmentationHead): ModelSpec & { configJson: string } {
  const plain = (value: unknown): unknown => {
    const { height, width } = (value ?? {}) as { height?: number; width?: number };
    return height === undefined ? value : height === width ? height : [height, width];
  };
  const fields = Object.entries(base).filter(([name, value]) => value !== null && !NOT_WRITTEN.includes(name));
  return {
    className: 'BeitForSemanticSegmentation',
    configJson: JSON.stringify({
      ...configFields(Object.fromEntries(fields), plain),
      // Its last layer has the labels that were before.
      use_auxiliary_head: false,
      id2label: Object.fromEntries(labels.entries()),
      label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    }),
    replaced: {
      'decode_head.classifier.weight': { dims: [labels.length, weight.length / labels.length, 1, 1], data: weight },
      'decode_head.classifier.bias': { dims: [labels.length], data: bias },
    },
  };
}

/** The base's model with that head. */
export class TaughtSegmenter extends BeitForSemanticSegmentation {
  static load(base: BeitConfig, head: SegmentationHead): typeof BeitForSemanticSegmentation.fromPretrained {
    const { configJson: config, className, replaced } = segmentationSpec(base, head);
    // Heads are fitted to features in floats.
    return (source: SourceLike, { taps, ...options }: SegmentationModelOptions = {}) =>
      loadPretrained(
        { className, replaced, taps, auxiliaryHead: false },
        source,
        { dtype: 'f32', ...options, config },
        (lease, loaded) => new TaughtSegmenter(lease, loaded),
      );
  }
}

/** Returns its README.md. */
export function segmentationCard(base: BaseCheckpoint, { labels, counts, accuracy }: StrokeFit): string {
  return modelCard({
    base,
    labels,
    counts,
    segments: true,
    madeOf: (name) =>
      `The last layer of ${name}, fitted anew in closed form (ridge regression) with beit-wasm to strokes that were painted over ` +
      'pictures. All other weights are as they were.',
    judged:
      accuracy === null
        ? 'It was taught with a single stroke of a label, too few to say how often it is right.'
        : `Of what lies under the strokes, each judged by a head that had not seen it, ${percent(accuracy)} were right (the mean over labels).`,
  });
}
