/**
 * The reference's Flax classes: the same models under their Flax names, which look for
 * flax_model.msgpack first. As there, they take no labels.
 */
import { givenOptions } from '../base/options.js';
import type { SourceLike } from '../sources/source.js';
import { loadPretrained, type ForwardOptions, type ModelInputs, type ModelOptions } from './model-base.js';
import { BeitForImageClassification, BeitForMaskedImageModeling, BeitModel, type BeitModelOptions } from './models.js';
import type { BeitModelOutputWithPooling, ImageClassifierOutput, MaskedLMOutput } from './outputs.js';

export type FlaxBeitModelOutputWithPooling = BeitModelOutputWithPooling;
export type FlaxSequenceClassifierOutput = Omit<ImageClassifierOutput, 'loss'>;
export type FlaxMaskedLMOutput = Omit<MaskedLMOutput, 'loss'>;

/**
 * See BeitModel.
 * @example
 * ```js
 * import { FlaxBeitModel } from 'beit-wasm';
 *
 * const model = await FlaxBeitModel.fromPretrained('microsoft/beit-base-patch16-224');
 * const { lastHiddenState } = await model.forward({ pixelValues });
 * ```
 */
export class FlaxBeitModel extends BeitModel {
  override get [Symbol.toStringTag](): string {
    return 'FlaxBeitModel';
  }

  static override async fromPretrained(source: SourceLike, options: BeitModelOptions = {}): Promise<FlaxBeitModel> {
    return loadPretrained(
      { className: 'FlaxBeitModel', addPoolingLayer: givenOptions(options).addPoolingLayer },
      source,
      options,
      (lease, loaded) => new FlaxBeitModel(lease, loaded),
    );
  }

  override forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<FlaxBeitModelOutputWithPooling> {
    return super.forward(inputs, options);
  }
}

/**
 * See BeitForMaskedImageModeling.
 * @example
 * ```js
 * import { FlaxBeitForMaskedImageModeling } from 'beit-wasm';
 *
 * const model = await FlaxBeitForMaskedImageModeling.fromPretrained('microsoft/beit-base-patch16-224-pt22k');
 * const { logits } = await model.forward({ pixelValues });
 * ```
 */
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

/**
 * See BeitForImageClassification.
 * @example
 * ```js
 * import { FlaxBeitForImageClassification } from 'beit-wasm';
 *
 * const model = await FlaxBeitForImageClassification.fromPretrained('microsoft/beit-base-patch16-224');
 * const { logits } = await model.forward({ pixelValues });
 * ```
 */
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
