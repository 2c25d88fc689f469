/** What of a config decides which weights and kernels a model has. */
import type { GridSize } from './grid-resize.js';
import { activationNumber, WIDEST_HEAD } from './kernels.js';

/** Fields of the config, as the core reads it: camelCase, defaults filled in. */
interface Config {
  hiddenSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  intermediateSize: number;
  hiddenAct: string;
  layerNormEps: number;
  imageSize: GridSize;
  patchSize: GridSize;
  numChannels: number;
  vocabSize: number;
  numLabels: number;
  poolScales: number[];
  useMaskToken: boolean;
  useAbsolutePositionEmbeddings: boolean;
  useRelativePositionBias: boolean;
  useSharedRelativePositionBias: boolean;
  layerScaleInitValue: number;
  useMeanPooling: boolean;
  outIndices: number[];
  addFpn: boolean;
  reshapeHiddenStates: boolean;
}

/** A model as its engine describes it. Plain data. */
export interface ModelDescription {
  className: string;
  config: Readonly<Record<string, unknown>>;
  hasPooler: boolean;
  biasResize: 'reference' | 'timm' | 'unilm';
  /** How a segmentation model's outIndices count. */
  taps: 'reference' | 'original';
  /** As what weights are stored. */
  dtype: 'f32' | 'f16' | 'int8';
}

/** What is known of any model's shape. */
export interface AnyShape {
  className: string;
  /** What is usual. */
  imageSize: GridSize;
}

export interface ModelShape extends Config {
  /** BeitModel, BeitForImageClassification, BeitForMaskedImageModeling, BeitForSemanticSegmentation or BeitBackbone. */
  className: string;
  biasResize: ModelDescription['biasResize'];
  taps: ModelDescription['taps'];
  dtype: ModelDescription['dtype'];
  /** Patches each way at the config's image size. */
  grid: GridSize;
  /** Channels of a head, and the same up to a multiple of four. */
  headChannels: number;
  headPadded: number;
  /** As products know it. */
  activation: number;
  /** Whether all states are normalised at the end. */
  norm: boolean;
  pool: boolean;
  /** The most floats that are made of a token at once. */
  widest: number;
}

/** Returns the next multiple of four. */
export const padded = (count: number): number => Math.ceil(count / 4) * 4;

export const CLASSIFIER = 'BeitForImageClassification';
export const MASKED = 'BeitForMaskedImageModeling';
export const BACKBONE = 'BeitBackbone';
export const SEGMENTER = 'BeitForSemanticSegmentation';

/** Returns the grid of patches of an image. */
export function gridOf({ height, width }: GridSize, patch: GridSize): GridSize {
  return { height: Math.floor(height / patch.height), width: Math.floor(width / patch.width) };
}

/** Returns a model's shape, or why the GPU cannot run it, as a part of a sentence. */
export function shapeOf({ className: given, config: fields, hasPooler, biasResize, taps, dtype }: ModelDescription): ModelShape | string {
  const config = fields as unknown as Config;
  const { hiddenSize, numAttentionHeads, hiddenAct, imageSize, patchSize, useMeanPooling } = config;
  // The same models have other names in the reference, too.
  const className = given.replace(/^FlaxBeit|^Data2VecVision/, 'Beit');
  const activation = activationNumber(hiddenAct);
  const headChannels = hiddenSize / numAttentionHeads,
    headPadded = padded(headChannels);
  const only = (what: string): string => `${what} is computed on the processor only`;
  if (!['BeitModel', CLASSIFIER, MASKED, BACKBONE, SEGMENTER].includes(className)) return only(given);
  if (headPadded > 4 * WIDEST_HEAD) return only(`a head of ${headChannels} channels`);
  if (!activation) return only(`the activation ${hiddenAct}`);
  const backbone = className === BACKBONE;
  if (backbone && config.addFpn) return only('the feature pyramid of a backbone');
  return {
    ...config,
    className,
    biasResize,
    taps,
    dtype,
    grid: gridOf(imageSize, patchSize),
    headChannels,
    headPadded,
    activation,
    norm: !backbone && !useMeanPooling,
    pool: className === CLASSIFIER || (className === 'BeitModel' && hasPooler),
    widest: padded(
      Math.max(
        config.numChannels * patchSize.height * patchSize.width,
        config.intermediateSize,
        3 * numAttentionHeads * headPadded,
        className === MASKED ? config.vocabSize : className === SEGMENTER ? 16 * Math.max(hiddenSize, config.numLabels) : 0,
      ),
    ),
  };
}

/** Returns about how many operations a pass takes on one image of the config's size. */
export function operationsOf({
  className,
  grid,
  numChannels,
  patchSize,
  hiddenSize,
  numHiddenLayers,
  intermediateSize,
}: ModelShape): number {
  const patches = grid.height * grid.width,
    tokens = 1 + patches;
  const layer = tokens * (4 * hiddenSize + 2 * intermediateSize + 2 * tokens);
  // Nearly all of it 3 x 3 convolutions, at 16, 16, 4 and 1 times the patches.
  const head = className === SEGMENTER ? 9 * 37 * patches * hiddenSize : 0;
  return 2 * hiddenSize * (numHiddenLayers * layer + patches * numChannels * patchSize.height * patchSize.width + head);
}
