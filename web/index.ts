/** beit-wasm: BEiT in WebAssembly. This is the browser's entry; Node's is node.ts. */
export { BUILDS, chooseBuild, detectCapabilities, type Build, type BuildChoice, type BuildRequest, type Capabilities, type Host } from './capabilities.js';
export { rank, sigmoid, softmax, type Classification, type ScoreFunction } from './classification.js';
export { BeitConfig, type BeitConfigFields, type Size } from './config.js';
export type {
  CallOptions, Engine, ForwardCallOptions, Inspection, LoadCallOptions, MemoryUse, Phase, Progress, RawImage, RuntimeInfo,
} from './engine.js';
export { createEngine, runtimeInfo, type EngineOptions } from './engines.js';
export { BeitError, type ErrorCode } from './errors.js';
export { BeitImageProcessor, type ProcessedImages } from './image-processor.js';
export type { ImageInput } from './images.js';
export {
  BeitForImageClassification, BeitModel, PreTrainedModel, type BeitModelOptions, type ForwardOptions, type LabelledInputs,
  type ModelInputs, type ModelOptions,
} from './models.js';
export type { BeitModelOutputWithPooling, ImageClassifierOutput, ModelOutput } from './outputs.js';
export { pipeline, type ClassifyOptions, type ImageClassificationPipeline, type Task } from './pipeline.js';
export type { PretrainedOptions } from './pretrained.js';
export { writeSafetensors } from './safetensors-writer.js';
export type { HubOptions, Source, SourceDescription, SourceFile, SourceLike, SourceOptions } from './sources.js';
export type { AnyArray, AnyTensor, LabelMap, Tensor } from './tensors.js';
