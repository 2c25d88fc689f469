/** DALL-E's image tokenizer: images to the visual tokens that BEiT predicts, and back. */
import { DisposableObject } from '../base/dispose.js';
import { mismatch } from '../base/errors.js';
import { givenOptions } from '../base/options.js';
import { checkTensor, sizeOf, type LabelMap, type Size, type Tensor } from '../base/tensors.js';
import type { CallOptions, RawImage } from '../engine/engine.js';
import { partOf } from '../engine/progress.js';
import { outputOf } from '../engine/tasks/context.js';
import type { SourceLike, SourceOptions } from '../sources/source.js';
import { sourceOf } from './configure.js';
import { BeitImageProcessor } from './image-processor.js';
import type { ImageInput } from './images.js';
import { loadPretrained, PreTrainedModel, type ModelOptions } from './model-base.js';
import { checkCall } from './options.js';
import type { PretrainedOptions } from './pretrained.js';

/** The tokens of one image, rows from the top. */
export interface ImageTokens {
  height: number;
  width: number;
  /** From 0 to the codebook's size - 1. */
  data: Int32Array;
}

export interface EncodeOptions extends CallOptions {
  /** The size to which the image is resized. Default: 112 x 112, as BEiT was trained. */
  size?: Size | undefined;
  /** What is then cut from its middle, in multiples of 8, as `size` is where nothing is cut. Default: nothing. */
  crop?: Size | undefined;
}

/** What DalleTokenizer.fromPretrained() takes: one source that has both halves, or one for each. */
export type TokenizerSource = SourceLike | { encoder: SourceLike; decoder: SourceLike };

/** How many pixels a side one token stands for. */
export const PIXELS_A_TOKEN = 8;

const SWITCHES = { outputHiddenStates: false, outputAttentions: false, interpolatePosEncoding: true };
const LANCZOS = 1;

type HalfInputs = { pixelValues: Tensor } | { tokens: LabelMap };

/** One half of a tokenizer. */
export class DalleHalf extends PreTrainedModel {
  override get [Symbol.toStringTag](): string {
    return 'DalleTokenizer';
  }

  static async load(className: 'DalleEncoder' | 'DalleDecoder', source: SourceLike, options: ModelOptions): Promise<DalleHalf> {
    const stem = className === 'DalleEncoder' ? 'encoder' : 'decoder';
    return loadPretrained(
      { className, weights: [`${stem}.safetensors`, `${stem}.pkl`] },
      source,
      options,
      (lease, loaded) => new DalleHalf(lease, loaded),
    );
  }

  /** The codebook's size. */
  get vocabSize(): number {
    return Number(this.config['vocabSize']);
  }

  async pass(inputs: HalfInputs, call: CallOptions): Promise<Record<string, Tensor>> {
    checkCall('DalleTokenizer', call);
    return this.during((pass) => pass(inputs, call));
  }

  /** Does work of several steps, for which the half stays, though it is disposed of meanwhile. */
  async during<T>(work: (pass: DalleHalf['pass']) => Promise<T>): Promise<T> {
    const { engine, handle } = this.hold();
    return this.underWay(work((inputs, call) => engine.forward(handle, inputs, SWITCHES, call)));
  }
}

/**
 * DALL-E's image tokenizer.
 * @example
 * ```js
 * import { DalleTokenizer } from 'beit-wasm';
 *
 * const tokenizer = await DalleTokenizer.fromPretrained('https://example.com/dalle/');
 * const tokens = await tokenizer.encode(file);
 * const { width, height, data } = await tokenizer.decode(tokens);
 * ```
 */
export class DalleTokenizer extends DisposableObject {
  private constructor(
    private readonly encoder: DalleHalf,
    private readonly decoder: DalleHalf,
    private readonly options: PretrainedOptions,
  ) {
    super();
  }

  /**
   * Loads the two halves, encoder.pkl and decoder.pkl or the same as safetensors: from one folder,
   * or each from a file or folder of its own. Rejects like BeitModel.fromPretrained(), and with
   * wrong-shape where the two halves have codebooks of different sizes.
   */
  static async fromPretrained(source: TokenizerSource, options: PretrainedOptions = {}): Promise<DalleTokenizer> {
    const halves = isHalves(source) ? source : { encoder: source, decoder: source };
    const { onProgress } = givenOptions(options);
    const encoder = await DalleHalf.load('DalleEncoder', halves.encoder, { ...options, onProgress: partOf(onProgress, 0, 0.5) });
    try {
      const decoder = await DalleHalf.load('DalleDecoder', halves.decoder, { ...options, onProgress: partOf(onProgress, 0.5, 1) });
      if (decoder.vocabSize !== encoder.vocabSize) {
        await decoder.dispose();
        throw mismatch('wrong-shape', 'decoder', `a codebook of ${decoder.vocabSize} tokens`, `${encoder.vocabSize}, as the encoder has`);
      }
      return new DalleTokenizer(encoder, decoder, options);
    } catch (error) {
      await encoder.dispose();
      throw error;
    }
  }

  /** The codebook's size: tokens are whole numbers below it. */
  get vocabSize(): number {
    return this.encoder.vocabSize;
  }

  /** False after dispose(), and once the engine is lost. */
  get usable(): boolean {
    return this.encoder.usable && this.decoder.usable;
  }

  /** Returns the image's tokens, one for each 8 x 8 pixels of `size` or `crop`. Rejects like preprocess() and forward(). */
  async encode(image: ImageInput, options: EncodeOptions = {}): Promise<ImageTokens> {
    const { size = { height: 112, width: 112 }, crop, ...call } = givenOptions(options);
    checkCall('encode()', call, ['size', 'crop']);
    const json = {
      size: { ...sizeOf(size, 'size') },
      resample: LANCZOS,
      do_center_crop: crop != null,
      ...(crop != null && { crop_size: { ...sizeOf(crop, 'crop') } }),
      do_normalize: false,
    };
    return this.encoder.during(async (pass) => {
      const processor = await BeitImageProcessor.fromJSON(json, this.options);
      try {
        const { pixelValues } = await processor.preprocess(image, call);
        const { dims, data } = outputOf(await pass({ pixelValues }, call), 'tokens');
        return { height: dims[1]!, width: dims[2]!, data: Int32Array.from(data) };
      } finally {
        await processor.dispose();
      }
    });
  }

  /** Returns tokens (B, h, w) and their logits (B, vocab, h, w) of pixels (B, 3, height, width) of 0 to 1. */
  async encodePixels(pixelValues: Tensor, call: CallOptions = {}): Promise<{ tokens: LabelMap; logits: Tensor }> {
    checkTensor('pixelValues', pixelValues, [Float32Array]);
    const outputs = await this.encoder.pass({ pixelValues }, call);
    const { dims, data } = outputOf(outputs, 'tokens');
    return { tokens: { dims, data: Int32Array.from(data) }, logits: outputOf(outputs, 'logits') };
  }

  /** Returns the RGB picture of tokens, 8 x 8 pixels each. Rejects with invalid-argument for a token of no codebook entry. */
  async decode(tokens: ImageTokens, call: CallOptions = {}): Promise<RawImage> {
    const { height, width, data } = tokens ?? {};
    const { reconstruction } = await this.decodeTokens({ dims: [1, height, width], data }, call);
    const [, channels = 0, rows = 0, columns = 0] = reconstruction.dims;
    if (channels !== 3) throw mismatch('wrong-shape', 'reconstruction', `${channels} channels`, '3');
    const samples = new Uint8Array(rows * columns * 3);
    for (let c = 0; c < 3; ++c) {
      for (let i = 0; i < rows * columns; ++i) samples[i * 3 + c] = Math.round(reconstruction.data[c * rows * columns + i]! * 255);
    }
    return { width: columns, height: rows, channels: 3, data: samples };
  }

  /** Returns the decoder's six channels and the pixels of 0 to 1, (B, 6 and 3, 8 h, 8 w), of tokens (B, h, w). */
  async decodeTokens(tokens: LabelMap, call: CallOptions = {}): Promise<{ decoderStats: Tensor; reconstruction: Tensor }> {
    checkTensor('tokens', tokens, [Int32Array]);
    const outputs = await this.decoder.pass({ tokens }, call);
    return { decoderStats: outputOf(outputs, 'decoder_stats'), reconstruction: outputOf(outputs, 'reconstruction') };
  }

  /** Gives both halves' memory back. */
  async dispose(): Promise<void> {
    await this.encoder.dispose();
    await this.decoder.dispose();
  }
}

/** Loads what knows the tokens of images, without what draws them. */
export async function loadEncoder(source: TokenizerSource, options: PretrainedOptions): Promise<DalleHalf> {
  return DalleHalf.load('DalleEncoder', isHalves(source) ? source.encoder : source, options);
}

/** Returns the source in a form that can be opened again later: what was dropped is taken now. */
export async function fixedSource(source: TokenizerSource, options: SourceOptions): Promise<TokenizerSource> {
  if (!isHalves(source)) return sourceOf(source, options);
  return { encoder: await sourceOf(source.encoder, options), decoder: await sourceOf(source.decoder, options) };
}

function isHalves(source: TokenizerSource): source is { encoder: SourceLike; decoder: SourceLike } {
  return typeof source === 'object' && source !== null && 'encoder' in source && 'decoder' in source;
}
