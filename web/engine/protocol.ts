/** What crosses between an EngineWorker and its worker. Types only. */
import type { CoreError } from '../base/errors.js';
import type { AnyTensor, LabelMap, Size, Tensor } from '../base/tensors.js';
import type { SourceDescription } from '../sources/source.js';
import type {
  ConfigFields, EngineImage, EngineSettings, ForwardInputs, ForwardSwitches, Inspection, LoadedModel, MemoryUse, ModelSpec,
  OpenedProcessor, Preprocessed, Progress, RawImage, RuntimeInfo, SegmentationMap,
} from './engine.js';

/** A source that the worker opens by itself, or one whose bytes come over a port. */
export type SourceReference =
  | { kind: 'description'; description: SourceDescription }
  | { kind: 'port'; label: string; weightsName: string | undefined; port: MessagePort };

export interface Methods {
  start: { args: [settings: EngineSettings]; value: RuntimeInfo };
  memory: { args: []; value: MemoryUse };
  readConfig: { args: [json: string]; value: ConfigFields };
  readTensors: { args: [bytes: Uint8Array]; value: Record<string, AnyTensor> };
  decodeImage: { args: [bytes: Uint8Array, label: string]; value: RawImage };
  openProcessor: { args: [json: string]; value: OpenedProcessor };
  preprocess: { args: [processor: number, images: EngineImage[]]; value: Preprocessed };
  preprocessMap: { args: [processor: number, map: RawImage]; value: LabelMap };
  segment: { args: [logits: Tensor, size: Size | null, withScores: boolean]; value: SegmentationMap };
  loadModel: { args: [source: SourceReference, spec: ModelSpec]; value: LoadedModel };
  inspect: { args: [source: SourceReference, spec: ModelSpec]; value: Inspection };
  forward: { args: [model: number, inputs: ForwardInputs, switches: ForwardSwitches, priority: number]; value: Record<string, Tensor> };
  release: { args: [handle: number]; value: void };
}

export type Method = keyof Methods;

export type Call = { [M in Method]: { type: 'call'; id: number; method: M; args: Methods[M]['args'] } }[Method];

export type ToWorker = Call | { type: 'abort'; id: number };

export type FromWorker =
  /** Once, first: calls may be posted now. */
  | { type: 'listening' }
  /** Asks the page for a worker that runs `script` and talks through `port`. */
  | { type: 'thread'; script: string; port: MessagePort }
  /** The engine's threads or their reason have changed. */
  | { type: 'info'; info: RuntimeInfo }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: CoreError; usable: boolean }
  | { type: 'progress'; id: number; progress: Progress }
  | { type: 'warning'; id: number; error: CoreError }
  | { type: 'step'; id: number; done: number; total: number };

/** One end of the connection, the same for a page's Worker and Node's. */
export interface Channel<Out, In> {
  post(message: Out, transfer: Transferable[]): void;
  /** Called once, before the first post(). */
  listen(onMessage: (message: In) => void, onFailure: (reason: string) => void): void;
  /** Told whether calls wait for answers: where none do, a Node process may end. */
  busy?(waiting: boolean): void;
  terminate(): Promise<void>;
}
