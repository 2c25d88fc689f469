/** The engine in a worker: a proxy that posts calls and hands buffers over. */
import { BeitError, failure, fromCoreError, sentenceOf } from '../base/errors.js';
import { throwIfAborted } from '../base/scheduling.js';
import type { AnyTensor, LabelMap, Size, Tensor } from '../base/tensors.js';
import { serveSource } from '../sources/bridge.js';
import type { Source } from '../sources/source.js';
import type {
  CallOptions, ConfigFields, Engine, EngineImage, EngineSettings, ForwardCallOptions, ForwardInputs, ForwardSwitches, Inspection,
  LoadCallOptions, LoadedModel, MemoryUse, ModelSpec, OpenedProcessor, Preprocessed, RawImage, RuntimeInfo, SegmentationMap,
} from './engine.js';
import type { Call, Channel, FromWorker, Method, Methods, SourceReference, ToWorker } from './protocol.js';

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  call: CallOptions & LoadCallOptions & ForwardCallOptions;
}

export class EngineWorker implements Engine {
  info!: RuntimeInfo;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  // Firefox now and then loses what is posted to a module worker before its modules have run: such
  // calls wait until it says that it listens.
  private listening = false;
  private readonly early: (() => void)[] = [];
  private end: BeitError | null = null;

  private constructor(private readonly channel: Channel<ToWorker, FromWorker>) {
    channel.listen((message) => this.receive(message), (reason) => {
      this.close(failure('internal', 'The worker', `it failed (${reason}); this engine cannot be used any more`));
    });
  }

  /** Starts an engine in the worker at the other end. The worker ends when that fails. */
  static async create(settings: EngineSettings, channel: Channel<ToWorker, FromWorker>): Promise<EngineWorker> {
    const engine = new EngineWorker(channel);
    try {
      engine.info = await engine.call('start', [settings]);
      return engine;
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  get usable(): boolean {
    return this.end === null;
  }

  memory(): Promise<MemoryUse> {
    return this.call('memory', []);
  }

  readConfig(json: string): Promise<ConfigFields> {
    return this.call('readConfig', [json]);
  }

  readTensors(bytes: Uint8Array): Promise<Record<string, AnyTensor>> {
    return this.call('readTensors', [bytes]);
  }

  decodeImage(bytes: Uint8Array, label: string): Promise<RawImage> {
    return this.call('decodeImage', [bytes, label]);
  }

  openProcessor(json: string): Promise<OpenedProcessor> {
    return this.call('openProcessor', [json]);
  }

  preprocess(processor: number, images: EngineImage[], call: CallOptions = {}): Promise<Preprocessed> {
    const owned = images.filter((image) => image.owned);
    const drawables = owned.flatMap((image) => image.kind === 'drawable' ? [image.image] : []);
    const arrays = owned.flatMap((image) => image.kind === 'encoded' ? [image.bytes] : image.kind === 'raw' ? [image.data] : []);
    return this.call('preprocess', [processor, images], call, [...new Set(drawables), ...buffersOf(arrays)]);
  }

  preprocessMap(processor: number, map: RawImage): Promise<LabelMap> {
    return this.call('preprocessMap', [processor, map]);
  }

  segment(logits: Tensor, size: Size | null, withScores: boolean): Promise<SegmentationMap> {
    return this.call('segment', [logits, size, withScores]);
  }

  loadModel(source: Source, spec: ModelSpec, call: LoadCallOptions = {}): Promise<LoadedModel> {
    return this.withReference(source, (reference, transfer) => this.call('loadModel', [reference, spec], call, transfer));
  }

  inspect(source: Source, spec: ModelSpec, call: LoadCallOptions = {}): Promise<Inspection> {
    return this.withReference(source, (reference, transfer) => this.call('inspect', [reference, spec], call, transfer));
  }

  forward(
    model: number, inputs: ForwardInputs, switches: ForwardSwitches, call: ForwardCallOptions = {},
  ): Promise<Record<string, Tensor>> {
    const arrays = call.transfer ? Object.values(inputs).flatMap((input: ForwardInputs[keyof ForwardInputs]) => input ? [input.data] : []) : [];
    return this.call('forward', [model, inputs, switches, call.priority ?? 0], call, buffersOf(arrays));
  }

  async release(handle: number): Promise<void> {
    // A worker that has ended has given everything back.
    if (this.usable) await this.call('release', [handle]);
  }

  async dispose(): Promise<void> {
    this.close(new BeitError('disposed', 'The engine has been disposed of.', { where: 'The engine' }));
    await this.channel.terminate();
  }

  /** Ends every call that waits, and all later ones, with `reason`. */
  private close(reason: BeitError): void {
    this.end ??= reason;
    for (const waiting of this.pending.values()) waiting.reject(this.end);
    this.pending.clear();
  }

  private async withReference<T>(
    source: Source, use: (reference: SourceReference, transfer: Transferable[]) => Promise<T>,
  ): Promise<T> {
    const description = source.describe();
    if (description) return use({ kind: 'description', description }, []);
    const { port1, port2 } = new MessageChannel();
    const service = serveSource(source, port1);
    try {
      return await use({ kind: 'port', label: source.label, weightsName: source.weightsName, port: port2 }, [port2]);
    } finally {
      service.stop();
    }
  }

  /**
   * Posts a call and returns its value. An abort is passed on, and the promise rejects with the
   * signal's reason once the worker has stopped and given the memory back.
   */
  private async call<M extends Method>(
    method: M, args: Methods[M]['args'], call: Pending['call'] = {}, transfer: Transferable[] = [],
  ): Promise<Methods[M]['value']> {
    const { signal } = call;
    throwIfAborted(signal);
    if (this.end) throw this.end;
    const id = ++this.lastId;
    const onAbort = (): void => this.channel.post({ type: 'abort', id }, []);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise<Methods[M]['value']>((resolve, reject) => {
        this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject, call });
        this.channel.busy?.(true);
        const post = (): void => {
          try {
            this.channel.post({ type: 'call', id, method, args } as Call, transfer);
          } catch (error) {
            // A DataCloneError, such as that of a picture from another origin.
            reject(failure('invalid-argument', method, `an argument cannot be handed to the worker (${sentenceOf(error)})`, error));
          }
        };
        if (this.listening) post();
        else this.early.push(post);
      });
    } catch (error) {
      if (error instanceof BeitError && error.code === 'aborted') throwIfAborted(signal);
      throw error;
    } finally {
      this.pending.delete(id);
      if (this.pending.size === 0) this.channel.busy?.(false);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private receive(message: FromWorker): void {
    if (message.type === 'thread') return; // the channel's own
    if (message.type === 'listening') {
      this.listening = true;
      for (const post of this.early.splice(0)) post();
      return;
    }
    if (message.type === 'info') {
      this.info = message.info;
      return;
    }
    const waiting = this.pending.get(message.id);
    if (!waiting) return;
    switch (message.type) {
      case 'result':
        waiting.resolve(message.value);
        break;
      case 'error': {
        const error = fromCoreError(message.error);
        if (!message.usable) this.end ??= error;
        waiting.reject(error);
        break;
      }
      case 'progress':
        waiting.call.onProgress?.(message.progress);
        break;
      case 'warning':
        waiting.call.onWarning?.(fromCoreError(message.error));
        break;
      case 'step':
        waiting.call.onStep?.(message.done, message.total);
        break;
    }
  }
}

/** Returns what of arrays can be handed over: buffers that are not shared, each once. */
function buffersOf(arrays: ArrayBufferView[]): ArrayBuffer[] {
  return [...new Set(arrays.map(({ buffer }) => buffer))].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}
