/** What the library offers in browsers and in Node alike. */
export { blockMask, type BlockMaskOptions, type PatchMask } from './block-mask.js';
export { BUILDS, chooseBuild, detectCapabilities, type Build, type BuildChoice, type BuildRequest, type Capabilities, type Host } from './capabilities.js';
export { cache, type CachedFile } from './cache.js';
export { rank, sigmoid, softmax, type Classification, type ScoreFunction } from './classification.js';
export { BeitConfig, type BeitConfigFields } from './config.js';
export { DalleTokenizer, type EncodeOptions, type ImageTokens, type TokenizerSource } from './dalle-tokenizer.js';
export type {
  CallOptions, Engine, ForwardCallOptions, Inspection, LoadCallOptions, MemoryUse, Phase, Progress, RawImage, RuntimeInfo, SegmentationMap,
} from './engine.js';
export { createEngine, runtimeInfo, type EngineOptions } from './engines.js';
export { BeitError, OutOfMemoryError, type ErrorCode } from './errors.js';
export {
  FlaxBeitForImageClassification, FlaxBeitForMaskedImageModeling, FlaxBeitModel, type FlaxBeitModelOutputWithPooling,
  type FlaxMaskedLMOutput, type FlaxSequenceClassifierOutput,
} from './flax-models.js';
export { BeitFeatureExtractor, BeitImageProcessor, type ProcessedImages, type SegmentationOptions } from './image-processor.js';
export type { ImageInput } from './images.js';
export { isolatePage } from './isolation.js';
export { inspect, type InspectOptions } from './inspect.js';
export { PreTrainedModel, type ForwardOptions, type LabelledInputs, type ModelInputs, type ModelOptions } from './model-base.js';
export {
  BeitBackbone, BeitForImageClassification, BeitForMaskedImageModeling, BeitForSemanticSegmentation, BeitModel,
  type BeitModelOptions, type SegmentationModelOptions,
} from './models.js';
export type {
  BackboneOutput, BeitModelOutputWithPooling, ImageClassifierOutput, MaskedLMOutput, ModelOutput, SemanticSegmenterOutput,
} from './outputs.js';
export { pipeline, type Task, type Tasks } from './pipeline.js';
export type { Pipeline } from './pipeline-base.js';
export type { ClassifyOptions, ImageClassificationPipeline } from './pipeline-classification.js';
export type { FeatureOptions, ImageFeatureExtractionPipeline } from './pipeline-features.js';
export type {
  MaskedImageModelingOptions, MaskedImageModelingPipeline, MaskedImagePrediction, PredictOptions, TokenPrediction,
} from './pipeline-masked-image.js';
export type { ImageSegmentationPipeline, Segmentation, SegmentOptions } from './pipeline-segmentation.js';
export type { PretrainedOptions } from './pretrained.js';
export type { DType } from './core.js';
export { colorOf, type LegendEntry, type Overlay } from './segmentation.js';
export { writeSafetensors } from './safetensors-writer.js';
export type { RetryOptions } from './retry.js';
export type { Dropped, HubOptions, Source, SourceDescription, SourceFile, SourceLike, SourceOptions, SourceWatch } from './sources.js';
export type { AnyArray, AnyTensor, LabelMap, Size, Tensor } from './tensors.js';
