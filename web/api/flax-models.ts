/**
 * The reference's Flax classes: the same models under their Flax names, which look for
 * flax_model.msgpack first. As there, they take no labels.
 */
import type { SourceLike } from '../sources/source.js';
import { loadPretrained, type ForwardOptions, type ModelInputs, type ModelOptions } from './model-base.js';
import { BeitForImageClassification, BeitForMaskedImageModeling, BeitModel, type BeitModelOptions } from './models.js';
import type { BeitModelOutputWithPooling, ImageClassifierOutput, MaskedLMOutput } from './outputs.js';

export type FlaxBeitModelOutputWithPooling = BeitModelOutputWithPooling;
export type FlaxSequenceClassifierOutput = Omit<ImageClassifierOutput, 'loss'>;
export type FlaxMaskedLMOutput = Omit<MaskedLMOutput, 'loss'>;

/** See BeitModel. */
export class FlaxBeitModel extends BeitModel {
  override get [Symbol.toStringTag](): string {
    return 'FlaxBeitModel';
  }

  static override async fromPretrained(source: SourceLike, options: BeitModelOptions = {}): Promise<FlaxBeitModel> {
    return loadPretrained(
      { className: 'FlaxBeitModel', addPoolingLayer: options.addPoolingLayer },
      source,
      options,
      (lease, loaded) => new FlaxBeitModel(lease, loaded),
    );
  }

  override forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<FlaxBeitModelOutputWithPooling> {
    return super.forward(inputs, options);
  }
}

/** See BeitForMaskedImageModeling. */
export class FlaxBeitForMaskedImageModeling extends BeitForMaskedImageModeling {
  override get [Symbol.toStringTag](): string {
    return 'FlaxBeitForMaskedImageModeling';
  }

  static override async fromPretrained(source: SourceLike, options: ModelOptions = {}): Promise<FlaxBeitForMaskedImageModeling> {
    return loadPretrained(
      { className: 'FlaxBeitForMaskedImageModeling' },
      source,
      options,
      (lease, loaded) => new FlaxBeitForMaskedImageModeling(lease, loaded),
    );
  }

  override forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<FlaxMaskedLMOutput> {
    return super.forward(inputs, options);
  }
}

/** See BeitForImageClassification. */
export class FlaxBeitForImageClassification extends BeitForImageClassification {
  override get [Symbol.toStringTag](): string {
    return 'FlaxBeitForImageClassification';
  }

  static override async fromPretrained(source: SourceLike, options: ModelOptions = {}): Promise<FlaxBeitForImageClassification> {
    return loadPretrained(
      { className: 'FlaxBeitForImageClassification' },
      source,
      options,
      (lease, loaded) => new FlaxBeitForImageClassification(lease, loaded),
    );
  }

  override forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<FlaxSequenceClassifierOutput> {
    return super.forward(inputs, options);
  }
}
