/** The classes that run a checkpoint. */
import { givenOptions } from '../base/options.js';
import type { LoadedModel } from '../engine/engine.js';
import { outputOf } from '../engine/tasks/context.js';
import type { SourceLike } from '../sources/source.js';
import type { EngineLease } from './engines.js';
import {
  loadPretrained,
  PreTrainedModel,
  type ForwardOptions,
  type LabelledInputs,
  type ModelInputs,
  type ModelOptions,
} from './model-base.js';
import {
  listsOf,
  lossOf,
  series,
  type BackboneOutput,
  type BeitModelOutputWithPooling,
  type ImageClassifierOutput,
  type MaskedLMOutput,
  type SemanticSegmenterOutput,
} from './outputs.js';

export interface BeitModelOptions extends ModelOptions {
  /** False: the model has no pooler, and the checkpoint need not have one. auto: as the checkpoint has it. Default: true. */
  addPoolingLayer?: boolean | 'auto' | undefined;
}

export interface SegmentationModelOptions extends ModelOptions {
  /**
   * Which layers the config's outIndices name: an index i is the output of layer i - 1, as
   * transformers reads it (reference, the default), or of layer i + 1, as unilm trained it (original).
   */
  taps?: 'reference' | 'original' | undefined;
  /** False: leave out the auxiliary head, which only a loss needs. Default: true. */
  auxiliaryHead?: boolean | undefined;
}

/**
 * The encoder with its pooler.
 * @example
 * ```js
 * import { BeitModel } from 'beit-wasm';
 *
 * const model = await BeitModel.fromPretrained('microsoft/beit-base-patch16-224');
 * const { lastHiddenState, poolerOutput } = await model.forward({ pixelValues });
 * ```
 */
export class BeitModel extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'BeitModel';
  }

  /** Whether forward() gives a poolerOutput. */
  readonly hasPooler: boolean;

  protected constructor(lease: EngineLease, loaded: LoadedModel) {
    super(lease, loaded);
    this.hasPooler = loaded.hasPooler;
  }

  /**
   * Loads a checkpoint (a hub id, a URL, a path, files). Rejects with missing-tensor or
   * wrong-shape, naming every tensor concerned; not-found, network, io, html, truncated, malformed,
   * bad-config, unsupported, out-of-memory; or with the signal's reason. Nothing stays behind then.
   */
  static async fromPretrained(source: SourceLike, options: BeitModelOptions = {}): Promise<BeitModel> {
    return loadPretrained(
      { className: 'BeitModel', addPoolingLayer: givenOptions(options).addPoolingLayer },
      source,
      options,
      (lease, loaded) => new BeitModel(lease, loaded),
    );
  }

  /**
   * Runs one pass. Rejects with wrong-shape or wrong-type where the inputs do not fit the config,
   * or with the signal's reason within one layer of its abort.
   */
  async forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<BeitModelOutputWithPooling> {
    const outputs = await this.run(inputs, options);
    const poolerOutput = outputs['pooler_output'];
    return {
      lastHiddenState: outputOf(outputs, 'last_hidden_state'),
      ...(poolerOutput && { poolerOutput }),
      ...listsOf(outputs),
    };
  }
}

/**
 * The encoder with a classifier.
 * @example
 * ```js
 * import { BeitForImageClassification } from 'beit-wasm';
 *
 * const model = await BeitForImageClassification.fromPretrained('microsoft/beit-base-patch16-224');
 * const { logits } = await model.forward({ pixelValues });
 * ```
 */
export class BeitForImageClassification extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'BeitForImageClassification';
  }

  /** Loads a checkpoint; see BeitModel.fromPretrained(). */
  static async fromPretrained(source: SourceLike, options: ModelOptions = {}): Promise<BeitForImageClassification> {
    return loadPretrained(
      { className: 'BeitForImageClassification' },
      source,
      options,
      (lease, loaded) => new BeitForImageClassification(lease, loaded),
    );
  }

  /** Runs one pass; see BeitModel.forward(). With labels the output has a loss. */
  async forward(inputs: LabelledInputs, options: ForwardOptions = {}): Promise<ImageClassifierOutput> {
    const outputs = await this.run(inputs, options);
    return { logits: outputOf(outputs, 'logits'), ...lossOf(outputs), ...listsOf(outputs) };
  }
}

/**
 * The encoder with a head that predicts the visual tokens of masked patches.
 * @example
 * ```js
 * import { BeitForMaskedImageModeling, blockMask } from 'beit-wasm';
 *
 * const model = await BeitForMaskedImageModeling.fromPretrained('microsoft/beit-base-patch16-224-pt22k');
 * const boolMaskedPos = { dims: [1, 196], data: blockMask({ ratio: 0.4 }).data };
 * const { logits } = await model.forward({ pixelValues, boolMaskedPos });
 * ```
 */
export class BeitForMaskedImageModeling extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'BeitForMaskedImageModeling';
  }

  /** Loads a checkpoint; see BeitModel.fromPretrained(). */
  static async fromPretrained(source: SourceLike, options: ModelOptions = {}): Promise<BeitForMaskedImageModeling> {
    return loadPretrained(
      { className: 'BeitForMaskedImageModeling' },
      source,
      options,
      (lease, loaded) => new BeitForMaskedImageModeling(lease, loaded),
    );
  }

  /**
   * Runs one pass; see BeitModel.forward(). Labels are the tokens of the masked patches only, in
   * order, and give the loss.
   */
  async forward(inputs: LabelledInputs, options: ForwardOptions = {}): Promise<MaskedLMOutput> {
    const outputs = await this.run(inputs, options);
    return { logits: outputOf(outputs, 'logits'), ...lossOf(outputs), ...listsOf(outputs) };
  }
}

/**
 * The encoder with a feature pyramid, UPerNet's head and the auxiliary head of its loss.
 * @example
 * ```js
 * import { BeitForSemanticSegmentation } from 'beit-wasm';
 *
 * const model = await BeitForSemanticSegmentation.fromPretrained('microsoft/beit-base-finetuned-ade-640-640');
 * const outputs = await model.forward({ pixelValues });
 * const [map] = await processor.postProcessSemanticSegmentation(outputs, { targetSizes: [[480, 640]] });
 * ```
 */
export class BeitForSemanticSegmentation extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'BeitForSemanticSegmentation';
  }

  /** Loads a checkpoint; see BeitModel.fromPretrained(). */
  static async fromPretrained(source: SourceLike, options: SegmentationModelOptions = {}): Promise<BeitForSemanticSegmentation> {
    const { taps, auxiliaryHead } = givenOptions(options);
    return loadPretrained(
      { className: 'BeitForSemanticSegmentation', taps, auxiliaryHead },
      source,
      options,
      (lease, loaded) => new BeitForSemanticSegmentation(lease, loaded),
    );
  }

  /** Runs one pass; see BeitModel.forward(). With labels (B, height, width) the output has a loss. */
  async forward(inputs: LabelledInputs, options: ForwardOptions = {}): Promise<SemanticSegmenterOutput> {
    const outputs = await this.run(inputs, options);
    return { logits: outputOf(outputs, 'logits'), ...lossOf(outputs), ...listsOf(outputs) };
  }
}

/**
 * The encoder as a source of feature maps: those that the config's outFeatures or outIndices name.
 * @example
 * ```js
 * import { BeitBackbone } from 'beit-wasm';
 *
 * const model = await BeitBackbone.fromPretrained('microsoft/beit-base-patch16-224');
 * const { featureMaps } = await model.forward({ pixelValues });
 * ```
 */
export class BeitBackbone extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'BeitBackbone';
  }

  /** Loads a checkpoint; see BeitModel.fromPretrained(). */
  static async fromPretrained(source: SourceLike, options: ModelOptions = {}): Promise<BeitBackbone> {
    return loadPretrained({ className: 'BeitBackbone' }, source, options, (lease, loaded) => new BeitBackbone(lease, loaded));
  }

  /** Runs one pass; see BeitModel.forward(). */
  async forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<BackboneOutput> {
    const outputs = await this.run(inputs, options);
    return { featureMaps: series(outputs, 'feature_maps'), ...listsOf(outputs) };
  }
}
