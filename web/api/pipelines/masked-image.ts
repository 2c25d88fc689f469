/** masked-image-modeling: hide patches of an image, and predict their visual tokens. */
import { mismatch } from '../../base/errors.js';
import type { Size, Tensor } from '../../base/tensors.js';
import type { CallOptions, ForwardCallOptions, RawImage } from '../../engine/engine.js';
import { partOf } from '../../engine/progress.js';
import type { PatchMask } from '../../engine/tasks/block-mask.js';
import type { Source } from '../../sources/source.js';
import {
  DalleTokenizer,
  fixedSource,
  PIXELS_A_TOKEN,
  type EncodeOptions,
  type ImageTokens,
  type TokenizerSource,
} from '../dalle-tokenizer.js';
import type { BeitImageProcessor } from '../image-processor.js';
import { fixedImage, type ImageInput } from '../images.js';
import type { ModelOptions } from '../model-base.js';
import { BeitForMaskedImageModeling } from '../models.js';
import { assemble, openParts, runTask, type Parts, type Pipeline, type PipelineOptions } from './base.js';

export interface MaskedImageModelingOptions extends ModelOptions, PipelineOptions {
  /**
   * What knows the true tokens and can draw them: a tokenizer, which stays its owner's, or the source
   * of one, which the pipeline disposes of.
   */
  tokenizer?: DalleTokenizer | TokenizerSource | null | undefined;
}

export interface PredictOptions extends ForwardCallOptions {
  /** Which patches are hidden; what is not 0 is. Default: blocks, by ratio and seed. */
  mask?: PatchMask | undefined;
  /** The share of patches to hide, 0 to 1; see blockMask(). Default: 75 of 14 x 14 */
  ratio?: number | undefined;
  /** What the blocks follow from; see blockMask(). Default: 0 */
  seed?: number | undefined;
  /** With a tokenizer. False: no pictures are decoded, which is most of the tokenizer's work. Default: true */
  pictures?: boolean | undefined;
  /** Give the logits of all patches, too. */
  logits?: boolean | undefined;
}

/** A masked patch. */
export interface TokenPrediction {
  /** Its number among all patches, rows from the top. */
  patch: number;
  /** The most likely token, and its probability, 0 to 1. */
  token: number;
  probability: number;
  /** With a tokenizer: the token that it has. */
  trueToken?: number;
}

export interface MaskedImagePrediction {
  /** What was hidden. */
  mask: PatchMask;
  /** The masked patches, in order. */
  predictions: TokenPrediction[];
  /** The most likely token of each patch, hidden or not. */
  tokens: ImageTokens;
  /** The probability of each of `tokens`, in their order. */
  probabilities: Float32Array;
  /** The image as the model gets it, what is hidden in grey. */
  maskedImage: RawImage;
  /** On request: (P, vocabSize). */
  logits?: Tensor;
  /** With a tokenizer: the image's own tokens. */
  trueTokens?: ImageTokens;
  /** With a tokenizer: the share of the masked patches whose token is the true one; null where nothing is masked. */
  accuracy?: number | null;
  /** With a tokenizer: the picture of the predicted tokens where masked, and of the true ones elsewhere. */
  reconstruction?: RawImage;
  /** With a tokenizer: the picture of the true tokens, which is the best that a model can reach. */
  tokenizerReconstruction?: RawImage;
}

/** From an image to the visual tokens of what is hidden of it. */
export interface MaskedImageModelingPipeline
  extends Pipeline<'masked-image-modeling', BeitForMaskedImageModeling, PredictOptions, MaskedImagePrediction> {
  readonly tokenizer: DalleTokenizer | null;
}

export async function makeMaskedImageModeling(source: Source, options: MaskedImageModelingOptions): Promise<MaskedImageModelingPipeline> {
  const { tokenizer: given, ...modelOptions } = options;
  const theirs = given instanceof DalleTokenizer ? given : null;
  const tokens = given == null || given instanceof DalleTokenizer ? null : await fixedSource(given, modelOptions);
  const open = async (from: ModelOptions): Promise<Opened> => {
    // The tokenizer has a config of its own.
    const { config: _, ...tokenizerOptions } = from;
    const own = tokens !== null;
    const first = { ...tokenizerOptions, onProgress: partOf(from.onProgress, 0, 0.5) };
    const tokenizer = own ? await DalleTokenizer.fromPretrained(tokens, first) : null;
    const rest = own ? { ...from, onProgress: partOf(from.onProgress, 0.5, 1) } : from;
    try {
      return { ...(await openParts(source, rest, (signal) => loadModel(source, { ...rest, signal }, theirs ?? tokenizer))), tokenizer };
    } catch (error) {
      await tokenizer?.dispose();
      throw error;
    }
  };
  const run = await assemble('masked-image-modeling', modelOptions, open, async (opened, input, call: PredictOptions) => {
    const parts = { ...opened, tokenizer: theirs ?? opened.tokenizer };
    const image = parts.tokenizer ? await fixedImage(input, call.signal ?? null) : input;
    try {
      return await predict(parts, image, image !== input, call);
    } finally {
      // A copy of what an element showed; where it was handed over, this changes nothing.
      if (typeof image === 'object' && image !== input && 'close' in image) image.close();
    }
  });
  Object.defineProperty(run, 'tokenizer', { enumerable: true, get: () => theirs ?? run.parts().tokenizer });
  return run as typeof run & { readonly tokenizer: DalleTokenizer | null };
}

/** Loads the model; rejects with wrong-shape where it predicts tokens that the tokenizer does not have. */
async function loadModel(source: Source, options: ModelOptions, tokenizer: DalleTokenizer | null): Promise<BeitForMaskedImageModeling> {
  const model = await BeitForMaskedImageModeling.fromPretrained(source, options);
  if (!tokenizer || tokenizer.vocabSize === model.config.vocabSize) return model;
  await model.dispose();
  throw mismatch(
    'wrong-shape',
    'tokenizer',
    `a codebook of ${tokenizer.vocabSize} tokens`,
    `${model.config.vocabSize}, as the model predicts`,
  );
}

interface Opened extends Parts<BeitForMaskedImageModeling> {
  tokenizer: DalleTokenizer | null;
}

/** `isCopy`: the image is this call's own. */
async function predict(
  { model, processor, tokenizer }: Opened,
  image: ImageInput,
  isCopy: boolean,
  options: PredictOptions,
): Promise<MaskedImagePrediction> {
  const { mask: given, ratio, seed, pictures = true, logits: wantsLogits = false, ...call } = options;
  // The tokenizer reads the image once more: it is handed over to that only.
  const found = await runTask(
    'masked-image-modeling',
    { model, processor },
    image,
    { mask: given, ratio, seed, logits: wantsLogits },
    tokenizer ? { ...call, transfer: false } : call,
  );
  const { mask, tokens, probabilities, maskedImage, logits, originalSize, inputSize } = found;
  const result: MaskedImagePrediction = { mask, predictions: [], tokens, probabilities, maskedImage, ...(logits && { logits }) };
  if (tokenizer) {
    const frame = frameOf(processor, originalSize, inputSize, tokens);
    Object.assign(
      result,
      await holdAgainst(tokenizer, image, frame, result, pictures, {
        signal: call.signal,
        transfer: call.transfer || isCopy,
      }),
    );
  }
  for (const [patch, masked] of mask.data.entries()) {
    if (!masked) continue;
    const trueToken = result.trueTokens?.data[patch];
    result.predictions.push({
      patch,
      token: tokens.data[patch]!,
      probability: probabilities[patch]!,
      ...(trueToken !== undefined && { trueToken }),
    });
  }
  return result;
}

/**
 * Returns how the tokenizer gets the same view of the image as the model, at 8 pixels for each patch:
 * resized from the original, as BEiT was trained, and cropped where the processor crops.
 */
function frameOf(
  { config }: BeitImageProcessor,
  original: Size,
  pixels: Size,
  { height, width }: Size,
): Pick<EncodeOptions, 'size' | 'crop'> {
  const tokens = { height: height * PIXELS_A_TOKEN, width: width * PIXELS_A_TOKEN };
  if (!config['doCenterCrop']) return { size: tokens };
  const scaled = (side: number, from: number, to: number): number => Math.max(1, Math.round((side * to) / from));
  const given = config['size'] as Size | { shortestEdge: number };
  if (config['doResize'] && 'shortestEdge' in given) {
    const edge = scaled(given.shortestEdge, pixels.height, tokens.height);
    const other = Math.trunc((edge * Math.max(original.height, original.width)) / Math.min(original.height, original.width));
    const isUpright = original.height > original.width;
    return { size: { height: isUpright ? other : edge, width: isUpright ? edge : other }, crop: tokens };
  }
  const whole = config['doResize'] ? (given as Size) : original;
  return {
    size: { height: scaled(whole.height, pixels.height, tokens.height), width: scaled(whole.width, pixels.width, tokens.width) },
    crop: tokens,
  };
}

/** Returns what only a tokenizer can tell of a prediction. */
async function holdAgainst(
  tokenizer: DalleTokenizer,
  image: ImageInput,
  frame: Pick<EncodeOptions, 'size' | 'crop'>,
  { mask, tokens }: MaskedImagePrediction,
  pictures: boolean,
  { signal, transfer }: CallOptions,
): Promise<Partial<MaskedImagePrediction>> {
  const trueTokens = await tokenizer.encode(image, { ...frame, signal, transfer });
  let masked = 0;
  let right = 0;
  const mixed = trueTokens.data.map((truth, patch) => {
    if (!mask.data[patch]) return truth;
    ++masked;
    if (tokens.data[patch] === truth) ++right;
    return tokens.data[patch]!;
  });
  const accuracy = masked > 0 ? right / masked : null;
  if (!pictures) return { trueTokens, accuracy };
  return {
    trueTokens,
    accuracy,
    reconstruction: await tokenizer.decode({ ...trueTokens, data: mixed }, { signal }),
    tokenizerReconstruction: await tokenizer.decode(trueTokens, { signal }),
  };
}
