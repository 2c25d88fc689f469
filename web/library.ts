/** What the library offers in browsers and in Node alike, but for teaching.ts. */
export { blockMask, type BlockMaskOptions, type PatchMask } from './engine/tasks/block-mask.js';
export {
  BUILDS,
  chooseBuild,
  detectCapabilities,
  type Build,
  type BuildChoice,
  type BuildRequest,
  type Capabilities,
  type Host,
} from './core/capabilities.js';
export {
  AutoBackbone,
  AutoConfig,
  AutoImageProcessor,
  AutoModel,
  AutoModelForImageClassification,
  AutoModelForMaskedImageModeling,
  AutoModelForSemanticSegmentation,
} from './api/auto.js';
export { cache } from './api/cache.js';
export { configure, resolveSource, type Configuration, type RuntimeOptions } from './api/configure.js';
export type { CachedFile } from './sources/cache/store.js';
export { rank, sigmoid, softmax } from './engine/tasks/classification.js';
export type { Classification, LegendEntry, Overlay, ScoreFunction, Segmentation } from './engine/tasks/types.js';
export { BeitConfig, type BeitConfigFields } from './api/config.js';
export { DalleTokenizer, type EncodeOptions, type ImageTokens, type TokenizerSource } from './api/dalle-tokenizer.js';
export type { Device, DeviceChoice } from './engine/devices.js';
export type {
  CallOptions,
  ConfigFields,
  Engine,
  EngineInfo,
  ForwardCallOptions,
  Inspection,
  LoadCallOptions,
  MemoryUse,
  Phase,
  Progress,
  RawImage,
  RuntimeInfo,
  SegmentationMap,
} from './engine/engine.js';
export { convert, type ConversionTarget, type Converted, type ConvertOptions } from './api/convert.js';
export { createEngine, runtimeInfo, type EngineOptions } from './api/engines.js';
export { BeitError, OutOfMemoryError, type CoreErrorCode, type ErrorCode, type ErrorFacts } from './base/errors.js';
export {
  FlaxBeitForImageClassification,
  FlaxBeitForMaskedImageModeling,
  FlaxBeitModel,
  type FlaxBeitModelOutputWithPooling,
  type FlaxMaskedLMOutput,
  type FlaxSequenceClassifierOutput,
} from './api/flax-models.js';
export { BeitFeatureExtractor, BeitImageProcessor, type ProcessedImages, type SegmentationOptions } from './api/image-processor.js';
export type { Drawable } from './api/drawables.js';
export type { ImageInput } from './api/images.js';
export { isolatePage } from './api/isolation.js';
export { inspect, type InspectOptions } from './api/inspect.js';
export { PreTrainedModel, type ForwardOptions, type LabelledInputs, type ModelInputs, type ModelOptions } from './api/model-base.js';
export {
  BeitBackbone,
  BeitForImageClassification,
  BeitForMaskedImageModeling,
  BeitForSemanticSegmentation,
  BeitModel,
  type BeitModelOptions,
  type SegmentationModelOptions,
} from './api/models.js';
export type {
  BackboneOutput,
  BeitModelOutputWithPooling,
  ImageClassifierOutput,
  MaskedLMOutput,
  ModelOutput,
  SemanticSegmenterOutput,
} from './api/outputs.js';
export { pipeline, type Task, type Tasks } from './api/pipelines/pipeline.js';
export type { Pipeline, PipelineOptions } from './api/pipelines/base.js';
export { createPool, type EnginePool, type Pooled, type PooledPipeline, type PoolOptions } from './api/pipelines/pool.js';
export type { Images, PooledResult, StreamOptions } from './api/pipelines/stream.js';
export type { ClassifyOptions, ImageClassificationPipeline } from './api/pipelines/classification.js';
export type { FeatureOptions, ImageFeatureExtractionPipeline } from './api/pipelines/features.js';
export type {
  MaskedImageModelingOptions,
  MaskedImageModelingPipeline,
  MaskedImagePrediction,
  PredictOptions,
  TokenPrediction,
} from './api/pipelines/masked-image.js';
export type { ImageSegmentationPipeline, SegmentOptions } from './api/pipelines/segmentation.js';
export type { PretrainedOptions } from './api/pretrained.js';
export type { CoreBindReport, CoreModelEstimate, CoreTensorEntry, DType } from './core/core.js';
export type { ConversionFacts, ConversionSink, ConversionType } from './engine/conversion.js';
export { colorOf } from './engine/tasks/segmentation.js';
export { writeSafetensors } from './base/safetensors-writer.js';
export type { RetryOptions } from './sources/http/retry.js';
export type {
  Dropped,
  HubOptions,
  Revalidate,
  Source,
  SourceDescription,
  SourceFile,
  SourceLike,
  SourceOptions,
  SourceWatch,
} from './sources/source.js';
export { similarity } from './base/vectors.js';
export type { AnyArray, AnyTensor, LabelMap, Size, Tensor } from './base/tensors.js';
