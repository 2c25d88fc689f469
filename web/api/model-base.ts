/** What the classes that run a checkpoint have in common. */
import { kindOf, mismatch } from '../base/errors.js';
import { givenConfig, givenOptions } from '../base/options.js';
import { isArrayOf } from '../base/realms.js';
import { checkTensor, type Tensor } from '../base/tensors.js';
import type { CoreBindReport, CoreModelEstimate, DType } from '../core/core.js';
import type { ForwardCallOptions, ForwardInputs, LoadedModel, ModelSpec } from '../engine/engine.js';
import type { SourceLike } from '../sources/source.js';
import { asConfig, type BeitConfig } from './config.js';
import { sourceOf } from './configure.js';
import type { EngineLease } from './engines.js';
import type { NamedOutputs } from './outputs.js';
import { checkCall } from './options.js';
import { dtypeOf, EngineObject, withLease, type PretrainedOptions } from './pretrained.js';

export interface ModelOptions extends PretrainedOptions {
  /**
   * In place of the source's config.json: its text, or the same as an object. Without either the
   * config is derived from the tensors.
   */
  config?: string | Record<string, unknown> | undefined;
  /**
   * In place of the config's layerNormEps, from 0 to 1: unilm and timm run the weights with 1e-6
   * whose configs say 1e-12.
   */
  layerNormEps?: number | undefined;
  /**
   * How relative position biases are resized for images of another size than the config's: as
   * transformers does it (reference, the default), timm or unilm.
   */
  relativePositionBiasResize?: 'reference' | 'timm' | 'unilm' | undefined;
}

export interface ModelInputs {
  /** (B, channels, height, width), as BeitImageProcessor.preprocess() gives it. */
  pixelValues: Tensor;
  /** (B, P); what is not 0 is masked. Needs a checkpoint with a mask token. */
  boolMaskedPos?: { dims: number[]; data: Uint8Array } | undefined;
}

export interface LabelledInputs extends ModelInputs {
  /**
   * For the loss. Classification: class ids (B) as integers, or floats (B) or (B, L), by the problem
   * type. Masked image modelling: the tokens of the masked patches, in order. Segmentation: class
   * ids (B, height, width).
   */
  labels?: { dims: number[]; data: Float32Array | Int32Array | BigInt64Array } | undefined;
}

export interface ForwardOptions extends ForwardCallOptions {
  outputHiddenStates?: boolean | undefined;
  outputAttentions?: boolean | undefined;
  /** Not of the reference: see ModelOutput.pooledStates. */
  outputPooledStates?: boolean | undefined;
  /**
   * Accepted for the reference's sake: position embeddings are resized to images of another size than the
   * config's whatever it says, as transformers 5 does.
   */
  interpolatePosEncoding?: boolean | undefined;
}

/**
 * What all models have.
 * @example
 * ```js
 * const { dialect, unexpected } = model.loading;
 * const bytes = model.estimate.weights + model.estimate.activations;
 * ```
 */
export abstract class PreTrainedModel extends EngineObject {
  readonly config: BeitConfig;
  /** What the encoder's fully connected layers compute with. */
  readonly dtype: DType;
  /** How the checkpoint's tensors fitted: dialect, unexpected and skipped names. */
  readonly loading: Readonly<CoreBindReport>;
  /** Bytes of the packed weights, of one run, and of the largest tensor while it was filled. */
  readonly estimate: Readonly<CoreModelEstimate>;

  protected constructor(lease: EngineLease, loaded: LoadedModel) {
    super(lease, (loaded as LoadedModel | undefined)?.handle);
    this.dtype = loaded.dtype;
    this.config = asConfig(loaded.config);
    this.loading = Object.freeze(loaded.report);
    this.estimate = Object.freeze(loaded.estimate);
  }

  /** Checks the inputs, runs one pass and returns its outputs by the reference's names. */
  protected async run(inputs: LabelledInputs, options: ForwardOptions): Promise<NamedOutputs> {
    const { engine, handle } = this.hold();
    const {
      outputHiddenStates = false,
      outputAttentions = false,
      outputPooledStates = false,
      interpolatePosEncoding = true,
      ...call
    } = givenOptions(options);
    checkCall('forward()', call, ['outputHiddenStates', 'outputAttentions', 'outputPooledStates', 'interpolatePosEncoding']);
    const switches = { outputHiddenStates, outputAttentions, outputPooledStates, interpolatePosEncoding };
    return engine.forward(handle, checkInputs(inputs), switches, call);
  }
}

/** Loads a checkpoint as a class, and makes something of it; nothing stays behind on a failure. */
export async function loadPretrained<T>(
  spec: Omit<ModelSpec, 'configJson' | 'dtype' | 'layerNormEps' | 'relativePositionBiasResize'>,
  source: SourceLike,
  options: ModelOptions,
  make: (lease: EngineLease, loaded: LoadedModel) => T,
): Promise<T> {
  const files = await sourceOf(source, options);
  const { config, layerNormEps, relativePositionBiasResize } = options;
  const dtype = dtypeOf(options);
  const configJson = givenConfig(config);
  return withLease(
    options,
    async (lease) =>
      make(lease, await lease.engine.loadModel(files, { ...spec, dtype, configJson, layerNormEps, relativePositionBiasResize }, options)),
    true,
  );
}

function checkInputs(inputs: LabelledInputs): ForwardInputs {
  const { pixelValues, boolMaskedPos, labels } = inputs ?? {};
  checkTensor('pixelValues', pixelValues, [Float32Array]);
  if (boolMaskedPos) checkTensor('boolMaskedPos', boolMaskedPos, [Uint8Array]);
  if (!labels) return { pixelValues, boolMaskedPos };
  checkTensor('labels', labels, [Float32Array, Int32Array, BigInt64Array]);
  const { dims, data } = labels;
  return { pixelValues, boolMaskedPos, labels: { dims, data: isArrayOf<BigInt64Array>(data, BigInt64Array) ? narrow(data) : data } };
}

/** Returns class ids as 32-bit integers; throws wrong-type where one does not fit. */
function narrow(values: BigInt64Array): Int32Array {
  return Int32Array.from(values, (value) => {
    const id = Number(value);
    if (id !== (id | 0)) throw mismatch('wrong-type', 'labels', kindOf(value), 'class ids of 32 bits');
    return id;
  });
}
