import { mismatch } from '../base/errors.js';
import { textOfConfig } from '../base/options.js';
import type { Size } from '../base/tensors.js';
import type { ConfigFields } from '../engine/engine.js';
import { timmConfigOf } from '../engine/timm-config.js';
import { CONFIG_FILE, type SourceLike } from '../sources/source.js';
import { readText } from '../sources/text.js';
import { sourceOf } from './configure.js';
import { withLease, type PretrainedOptions } from './pretrained.js';

/**
 * The fields of the reference's BeitConfig by their names in camelCase, defaults filled in. Fields
 * that the reference does not have are in `unknownFields` by name.
 */
export interface BeitConfigFields {
  modelType: string;
  architectures: string[];
  vocabSize: number;
  hiddenSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  intermediateSize: number;
  hiddenAct: string;
  layerNormEps: number;
  imageSize: Size;
  patchSize: Size;
  numChannels: number;
  useMaskToken: boolean;
  useAbsolutePositionEmbeddings: boolean;
  useRelativePositionBias: boolean;
  useSharedRelativePositionBias: boolean;
  layerScaleInitValue: number;
  useMeanPooling: boolean;
  /** Segmentation and backbone: hidden states by number, 0 the embeddings; empty when there are none. */
  outIndices: number[];
  outFeatures: string[];
  useAuxiliaryHead: boolean;
  semanticLossIgnoreIndex: number;
  numLabels: number;
  /** Names by class id; as many as numLabels. */
  id2label: string[];
  /** regression, single_label_classification, multi_label_classification, or null. */
  problemType: string | null;
  /** Names of the file's fields that the reference's BeitConfig does not have, as they stand there. */
  unknownFields: string[];
}

/** A model's config.json, read and checked. Plain data. */
export type BeitConfig = Readonly<BeitConfigFields> & Readonly<ConfigFields>;

/** Returns fields that came from the core, frozen, as what they are. */
export function asConfig(fields: ConfigFields): BeitConfig {
  return Object.freeze(fields) as BeitConfig;
}

/**
 * Reads the config of a checkpoint.
 * @example
 * ```js
 * import { BeitConfig } from 'beit-wasm';
 *
 * const { imageSize, id2label } = await BeitConfig.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const BeitConfig = {
  /**
   * Returns the config of a source (a hub id, a URL, a path, files). Reads config.json only.
   * Rejects with not-found, network, io, html, malformed, bad-config or unsupported.
   */
  async fromPretrained(source: SourceLike, options: PretrainedOptions = {}): Promise<BeitConfig> {
    const files = await sourceOf(source, options);
    return BeitConfig.fromJSON(await readText(files, CONFIG_FILE, options.signal, options), options);
  },

  /**
   * Returns the config of the text of a config.json, or of the same as an object ({hidden_size:
   * 768, …}). Rejects with malformed, bad-config (naming the field) or unsupported.
   */
  async fromJSON(json: string | Record<string, unknown>, options: PretrainedOptions = {}): Promise<BeitConfig> {
    const text = textOfConfig('json', json);
    const timm = timmConfigOf(text);
    if (timm)
      throw mismatch(
        'unsupported',
        CONFIG_FILE,
        `timm's, of ${timm.architecture}`,
        "transformers' (a model that is loaded has its own in config)",
      );
    return withLease(options, async (lease) => {
      const fields = await lease.engine.readConfig(text);
      await lease.release();
      return asConfig(fields);
    });
  },
};
