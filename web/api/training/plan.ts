/** What a run's task makes of the checkpoint that it begins with, and of its pictures. */
import { failure, kindOf, mismatch } from '../../base/errors.js';
import { convertedConfig } from '../../engine/conversion.js';
import type { Inspection } from '../../engine/engine.js';
import type { Masking } from '../../engine/trainer-calls.js';
import { classifierConfig, maskedConfig } from '../classifier-config.js';
import { asConfig, type BeitConfig } from '../config.js';
import { loadEncoder, PIXELS_A_TOKEN, type DalleHalf, type TokenizerSource } from '../dalle-tokenizer.js';
import { heldBy, type PretrainedOptions } from '../pretrained.js';
import type { LabelledImage, TrainClassifierOptions, TrainMaskedOptions, TrainOptions } from './options.js';
import { checkPictures, labelsOf } from './pictures.js';

export interface Plan {
  /** The class that is trained. */
  className: string;
  /** None of masked images. */
  labels: string[];
  data: readonly LabelledImage[];
  validation: readonly LabelledImage[] | number;
  /** What the head begins with. */
  head: 'keep' | 'new';
  /** config.json of the model that is trained. */
  configText: string;
}

const SHARE_APART = 0.15;

/** Throws invalid-argument for pictures or a checkpoint that the task cannot be done with. */
export function planOf(options: TrainOptions, inspection: Inspection): Plan {
  const base = asConfig(inspection.config);
  const { task = 'classification' } = options;
  if (!['classification', 'mim'].includes(task)) throw mismatch('invalid-argument', 'task', kindOf(task), '"classification" or "mim"');
  const { data, validation } = options;
  checkPictures('data', data, task === 'classification');
  if (validation !== undefined && typeof validation !== 'number') checkPictures('validation', validation, task === 'classification');
  return options.task === 'mim' ? maskedPlan(options, base, inspection.className) : classifierPlan(options, base);
}

function classifierPlan({ data, validation = SHARE_APART, head, resume }: TrainClassifierOptions, base: BeitConfig): Plan {
  const { labels, same } = labelsOf(data, base.id2label);
  if (head === 'keep' && !same)
    throw mismatch('invalid-argument', 'head', '"keep" for pictures of other labels', `the checkpoint's: ${listOf(base.id2label)}`);
  const other = typeof validation === 'number' ? undefined : validation.find(({ label }) => !labels.includes(label));
  if (other) throw mismatch('invalid-argument', 'validation', `a picture of ${other.label}`, `labels of the data: ${listOf(labels)}`);
  const className = 'BeitForImageClassification';
  const fields = { ...classifierConfig(base, { labels }), ...ownTables(base) };
  return {
    className,
    labels,
    data,
    validation,
    head: resume === undefined ? (head ?? (same ? 'keep' : 'new')) : 'keep',
    configText: configOf(fields, base, className),
  };
}

function maskedPlan({ data, validation = SHARE_APART }: TrainMaskedOptions, base: BeitConfig, className: string): Plan {
  const wanted = 'BeitForMaskedImageModeling';
  if (className !== wanted)
    throw mismatch(
      'invalid-argument',
      'model',
      `a checkpoint of ${className}`,
      `one of ${wanted}, whose head and mask token are trained on`,
    );
  if (data.length === 0) throw mismatch('invalid-argument', 'data', 'no pictures', 'one at least');
  const alike = (images: TrainMaskedOptions['data']): LabelledImage[] => images.map((image) => ({ image, label: '' }));
  return {
    className: wanted,
    labels: [],
    data: alike(data),
    validation: typeof validation === 'number' ? validation : alike(validation),
    head: 'keep',
    configText: configOf(maskedConfig(base), base, wanted),
  };
}

/** Tables that all layers share are each one's own in a classifier that is trained. */
function ownTables({ useSharedRelativePositionBias, useRelativePositionBias }: BeitConfig): Record<string, boolean> {
  return {
    use_shared_relative_position_bias: false,
    use_relative_position_bias: useRelativePositionBias || useSharedRelativePositionBias,
  };
}

function configOf(fields: Record<string, unknown>, base: BeitConfig, className: string): string {
  const text = JSON.stringify({ ...fields, drop_path_rate: base['dropPathRate'] ?? 0.1 });
  return convertedConfig(text, { className, tensors: [] }, 'f32', undefined);
}

export function listOf(labels: readonly string[]): string {
  return labels.slice(0, 20).join(', ');
}

/** Loads what tells the tokens that a model of masked images learns. Rejects as its load, and with wrong-shape where they are not the model's. */
export async function openEncoder(source: TokenizerSource | undefined, model: BeitConfig, options: PretrainedOptions): Promise<DalleHalf> {
  if (source === undefined)
    throw failure(
      'invalid-argument',
      'tokenizer',
      "masked image modelling takes the tokenizer whose tokens the model was trained on: DALL-E's",
    );
  const encoder = await loadEncoder(source, options);
  const side = 2 ** (Number(encoder.config['groupCount'] ?? 4) - 1);
  const has = [`a codebook of ${encoder.vocabSize} tokens`, `a token for each ${side} x ${side} pixels`];
  const wanted = [`${model.vocabSize}, as the model predicts`, `${PIXELS_A_TOKEN} x ${PIXELS_A_TOKEN}, one for each patch of the model`];
  const wrong = encoder.vocabSize !== model.vocabSize ? 0 : side !== PIXELS_A_TOKEN ? 1 : -1;
  if (wrong < 0) return encoder;
  await encoder.dispose();
  throw mismatch('wrong-shape', 'tokenizer', has[wrong]!, wanted[wrong]!);
}

export function maskingBy(encoder: DalleHalf, ratio: number): Masking {
  return { tokenizer: heldBy(encoder).handle, activations: encoder.estimate.activations, ratio };
}
