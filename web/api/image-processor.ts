import { kindOf, mismatch } from '../base/errors.js';
import { checkNames } from '../base/option-names.js';
import { givenOptions, textOfConfig } from '../base/options.js';
import { throwIfAborted } from '../base/scheduling.js';
import { checkTensor, shapeText, sizeOf, type LabelMap, type Size, type Tensor } from '../base/tensors.js';
import type { CallOptions, ConfigFields, EngineImage, Preprocessed, RawImage, SegmentationMap } from '../engine/engine.js';
import { checkRawImage } from '../engine/pixels.js';
import { timmConfigOf, timmProcessorOf } from '../engine/timm-config.js';
import { CONFIG_FILE, PROCESSOR_FILE, type Source, type SourceLike } from '../sources/source.js';
import { readOptionalText } from '../sources/text.js';
import { sourceOf } from './configure.js';
import type { EngineLease } from './engines.js';
import { toEngineImage, type ImageInput } from './images.js';
import { checkCall } from './options.js';
import { EngineObject, withLease, type PretrainedOptions } from './pretrained.js';

/** What preprocess() returns: {pixelValues: (B, channels, height, width), originalSizes}. */
export type ProcessedImages = Preprocessed;

export interface SegmentationOptions {
  /** One size for each image, as {height, width} or [height, width]; null: the logits' own. */
  targetSizes?: ReadonlyArray<Size | readonly [height: number, width: number]> | null | undefined;
  /** Give the probability of each pixel's label, too. */
  scores?: boolean | undefined;
}

/**
 * Prepares images as the checkpoint was trained with them: resize, crop, rescale, normalise.
 * @example
 * ```js
 * import { BeitImageProcessor } from 'beit-wasm';
 *
 * const processor = await BeitImageProcessor.fromPretrained('microsoft/beit-base-patch16-224');
 * const { pixelValues, originalSizes } = await processor.preprocess([photo, other]);
 * ```
 */
export class BeitImageProcessor extends EngineObject {
  override get [Symbol.toStringTag](): string {
    return 'BeitImageProcessor';
  }

  /** Every field of preprocessor_config.json in camelCase, defaults filled in. */
  readonly config: Readonly<ConfigFields>;

  private constructor(lease: EngineLease, handle: number, config: ConfigFields) {
    super(lease, handle);
    this.config = Object.freeze(config);
  }

  /**
   * Returns the processor of a source (a hub id, a URL, a path, files). A source without
   * preprocessor_config.json gets what timm's config.json tells, or else the class's defaults. Rejects like BeitConfig.fromPretrained().
   */
  static async fromPretrained(source: SourceLike, options: PretrainedOptions = {}): Promise<BeitImageProcessor> {
    const files = await sourceOf(source, options);
    // The engine starts while the file is on its way.
    return BeitImageProcessor.open(processorText(files, options), options);
  }

  /**
   * Returns the processor of the text of a preprocessor_config.json, or of the same as an object
   * ({size: {height: 224, width: 224}, …}). Rejects with malformed or bad-config.
   */
  static async fromJSON(json: string | Record<string, unknown>, options: PretrainedOptions = {}): Promise<BeitImageProcessor> {
    return BeitImageProcessor.open(Promise.resolve(textOfConfig('json', json)), options);
  }

  private static async open(json: Promise<string>, options: PretrainedOptions): Promise<BeitImageProcessor> {
    const made = withLease(options, async (lease) => {
      const { handle, config } = await lease.engine.openProcessor(await json);
      return new BeitImageProcessor(lease, handle, config);
    });
    // Where the engine does not start, nobody waits for the file any more.
    json.catch(() => undefined);
    return made;
  }

  /**
   * Returns {pixelValues: (B, channels, height, width), originalSizes} of one image or several,
   * which must end up at one size. Rejects with bad-image for a file that cannot be decoded (named in the sentence),
   * and as toEngineImage() does for what is no image.
   * @example
   * ```js
   * const { pixelValues, originalSizes } = await processor.preprocess(file);
   * ```
   */
  async preprocess(images: ImageInput | readonly ImageInput[], call: CallOptions = {}): Promise<ProcessedImages> {
    checkCall('preprocess()', call);
    const { engine, handle } = this.hold();
    const list = isList(images) ? images : [images];
    if (list.length === 0) throw mismatch('invalid-argument', 'images', 'none', 'at least one');
    throwIfAborted(call.signal);
    const prepare = async (): Promise<ProcessedImages> => {
      const ready: EngineImage[] = [];
      try {
        for (const [i, image] of list.entries()) {
          const where = isList(images) ? `images[${i}]` : 'image';
          ready.push(await toEngineImage(image, where, call));
        }
      } catch (error) {
        for (const image of ready) if (image.kind === 'drawable' && image.owned) image.image.close();
        throw error;
      }
      return engine.preprocess(handle, ready, call);
    };
    return this.underWay(prepare());
  }

  /**
   * Returns the labels (1, height, width) of a segmentation map, one byte a pixel: resized and
   * cropped as the image, and reduced where the config says doReduceLabels.
   */
  async preprocessSegmentationMap(map: { width: number; height: number; data: Uint8Array }): Promise<LabelMap> {
    const { engine, handle } = this.hold();
    if (typeof map !== 'object' || map === null)
      throw mismatch('invalid-argument', 'segmentationMap', kindOf(map), '{width, height, data}, one byte a pixel');
    const raw: RawImage = { width: map.width, height: map.height, channels: 1, data: map.data };
    checkRawImage('segmentationMap', raw);
    return engine.preprocessMap(handle, raw);
  }

  /**
   * Returns for each image of a segmentation model's logits (B, L, h, w) the class of every pixel:
   * the logits are resized bilinearly to the target size, and the largest wins, the first of equals.
   * Nothing of L x height x width is held. Rejects with wrong-shape, wrong-type, invalid-argument
   * or out-of-memory. Reference: post_process_semantic_segmentation.
   */
  async postProcessSemanticSegmentation(outputs: { logits: Tensor }, options: SegmentationOptions = {}): Promise<SegmentationMap[]> {
    checkNames('postProcessSemanticSegmentation()', options, ['targetSizes', 'scores']);
    const { targetSizes = null, scores = false } = givenOptions(options);
    const { engine } = this.hold();
    const { logits } = outputs ?? {};
    checkTensor('logits', logits, [Float32Array]);
    const [batch = 0, ...rest] = logits.dims;
    if (logits.dims.length !== 4) throw mismatch('wrong-shape', 'logits', shapeText(logits.dims), '[B, labels, height, width]');
    if (targetSizes && targetSizes.length !== batch) {
      throw mismatch('invalid-argument', 'targetSizes', `${targetSizes.length} sizes`, `one for each of ${batch} images`);
    }
    const each = rest.reduce((product, n) => product * n, 1);
    const label = async (): Promise<SegmentationMap[]> => {
      const maps: SegmentationMap[] = [];
      for (let b = 0; b < batch; ++b) {
        const one = { dims: [1, ...rest], data: logits.data.subarray(b * each, (b + 1) * each) };
        maps.push(await engine.segment(one, targetSizes ? sizeOf(targetSizes[b]!, `targetSizes[${b}]`) : null, { scores }));
      }
      return maps;
    };
    return this.underWay(label());
  }
}

async function processorText(files: Source, options: PretrainedOptions): Promise<string> {
  const text = await readOptionalText(files, PROCESSOR_FILE, options.signal, options);
  if (text !== null) return text;
  const config = await readOptionalText(files, CONFIG_FILE, options.signal); // the model's reader warns
  const timm = config === null ? null : timmConfigOf(config);
  return timm ? timmProcessorOf(timm) : '{}';
}

/**
 * The older name of BeitImageProcessor.
 * @example
 * ```js
 * import { BeitFeatureExtractor } from 'beit-wasm';
 *
 * const extractor = await BeitFeatureExtractor.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const BeitFeatureExtractor = BeitImageProcessor;
export type BeitFeatureExtractor = BeitImageProcessor;

function isList(images: ImageInput | readonly ImageInput[]): images is readonly ImageInput[] {
  return Array.isArray(images);
}
