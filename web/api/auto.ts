/**
 * The names under which transformers opens a checkpoint of any family. There is one family here (Data2VecVision's classes are
 * BEiT's), so each is that family's class; what a checkpoint is for, inspect() tells.
 */
import { BeitConfig } from './config.js';
import { BeitImageProcessor } from './image-processor.js';
import { BeitBackbone, BeitForImageClassification, BeitForMaskedImageModeling, BeitForSemanticSegmentation, BeitModel } from './models.js';

/**
 * The config of a checkpoint, by transformers' name.
 * @example
 * ```js
 * import { AutoConfig } from 'beit-wasm';
 *
 * const { hiddenSize, id2label } = await AutoConfig.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const AutoConfig = BeitConfig;
export type AutoConfig = BeitConfig;
/**
 * BeitImageProcessor, by transformers' name.
 * @example
 * ```js
 * import { AutoImageProcessor } from 'beit-wasm';
 *
 * const processor = await AutoImageProcessor.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const AutoImageProcessor = BeitImageProcessor;
export type AutoImageProcessor = BeitImageProcessor;
/**
 * BeitModel, by transformers' name.
 * @example
 * ```js
 * import { AutoModel } from 'beit-wasm';
 *
 * const model = await AutoModel.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const AutoModel = BeitModel;
export type AutoModel = BeitModel;
/**
 * BeitBackbone, by transformers' name.
 * @example
 * ```js
 * import { AutoBackbone } from 'beit-wasm';
 *
 * const model = await AutoBackbone.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const AutoBackbone = BeitBackbone;
export type AutoBackbone = BeitBackbone;
/**
 * BeitForImageClassification, by transformers' name.
 * @example
 * ```js
 * import { AutoModelForImageClassification } from 'beit-wasm';
 *
 * const model = await AutoModelForImageClassification.fromPretrained('microsoft/beit-base-patch16-224');
 * ```
 */
export const AutoModelForImageClassification = BeitForImageClassification;
export type AutoModelForImageClassification = BeitForImageClassification;
/**
 * BeitForMaskedImageModeling, by transformers' name.
 * @example
 * ```js
 * import { AutoModelForMaskedImageModeling } from 'beit-wasm';
 *
 * const model = await AutoModelForMaskedImageModeling.fromPretrained('microsoft/beit-base-patch16-224-pt22k');
 * ```
 */
export const AutoModelForMaskedImageModeling = BeitForMaskedImageModeling;
export type AutoModelForMaskedImageModeling = BeitForMaskedImageModeling;
/**
 * BeitForSemanticSegmentation, by transformers' name.
 * @example
 * ```js
 * import { AutoModelForSemanticSegmentation } from 'beit-wasm';
 *
 * const model = await AutoModelForSemanticSegmentation.fromPretrained('microsoft/beit-base-finetuned-ade-640-640');
 * ```
 */
export const AutoModelForSemanticSegmentation = BeitForSemanticSegmentation;
export type AutoModelForSemanticSegmentation = BeitForSemanticSegmentation;
