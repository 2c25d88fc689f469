/** The engine in a worker: a proxy that posts calls and hands buffers over. */
import { tell } from '../base/callbacks.js';
import { BeitError, clauseOf, failure, fromCoreError, sentenceOf } from '../base/errors.js';
import { throwIfAborted, whenAborted } from '../base/scheduling.js';
import { serveSource } from '../sources/bridge.js';
import { watchPage } from '../sources/http/presence.js';
import type { Source } from '../sources/source.js';
import type { ConversionSink } from './conversion.js';
import type { EngineInfo, EngineSettings, LoadedModel } from './engine.js';
import type { TrainingEngine } from './trainer-calls.js';
import { callOf, closeHandedOver, METHODS, rejection, unlessStopped, type AnyCallOptions, type Crossing, type Method } from './methods.js';
import type { Channel, FromWorker, SourceReference, ToWorker } from './protocol.js';
import { serveSink } from './sink-bridge.js';

// Its files may come over a slow line; who waits longer than this waits for ever.
const START_LIMIT_MS = 60_000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  call: AnyCallOptions;
}

/** A model on a GPU may have to be loaded once more, from the same source, and somebody is to hear of it. */
interface Kept {
  id: number;
  call: AnyCallOptions;
  services: { stop(): void }[];
}

/** What the constructor gives an engine by the table METHODS. */
export interface RemoteEngine extends Pick<TrainingEngine, Method> {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor gives it all that the interface names
export class RemoteEngine implements TrainingEngine {
  info!: EngineInfo;
  private readonly pending = new Map<number, Pending>();
  /** By handle: what models on a GPU may still need of the call that loaded them. */
  private readonly kept = new Map<number, Kept>();
  private lastId = 0;
  // Firefox now and then loses what is posted to a module worker before its modules have run: such
  // calls wait until it says that it listens.
  private listening = false;
  private readonly early: (() => void)[] = [];
  private end: BeitError | null = null;
  private unwatch = (): void => undefined;

  private constructor(private readonly channel: Channel<ToWorker, FromWorker>) {
    for (const method of Object.keys(METHODS) as Method[])
      Object.defineProperty(this, method, { value: (...given: unknown[]) => this.send(method, given) });
    channel.listen(
      (message) => this.receive(message),
      (reason) => this.lose(`it failed (${reason})`),
    );
  }

  /**
   * Starts an engine in the worker at the other end. The worker ends when that fails, or takes longer than `limit` milliseconds. `begun` is
   * handed the engine before this returns: its calls wait for the start, and end with it where it fails.
   */
  static async create(
    settings: EngineSettings,
    channel: Channel<ToWorker, FromWorker>,
    begun?: (engine: RemoteEngine) => void,
    limit = START_LIMIT_MS,
  ): Promise<RemoteEngine> {
    const engine = new RemoteEngine(channel);
    const timer = setTimeout(() => engine.lose(`it did not start within ${limit / 1000} seconds`), limit);
    try {
      const starting = engine.request((id) => ({ type: 'start', id, settings }));
      begun?.(engine);
      engine.info = (await starting) as EngineInfo;
      return engine;
    } catch (error) {
      await engine.dispose();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get usable(): boolean {
    return this.end === null;
  }

  async dispose(): Promise<void> {
    this.close(new BeitError('disposed', 'The engine has been disposed of.', { where: 'The engine' }));
    await this.channel.terminate();
  }

  /** Has the engine of the worker do what this one was asked for. */
  private async send(method: Method, given: unknown[]): Promise<unknown> {
    const { call: at, source, sink, transfer, givesBack } = METHODS[method] as Crossing;
    if (givesBack && this.end) return undefined;
    const call = callOf(method, given);
    const args = given.slice(0, at);
    const handed: Transferable[] = [];
    let services: { stop(): void }[] = [];
    const stay = (index: number | undefined, serve: (value: never) => Served): void => {
      if (index === undefined) return;
      const { reference, transfer: ports, stop } = serve(given[index] as never);
      args[index] = reference;
      handed.push(...ports);
      services.push({ stop });
    };
    try {
      handed.push(...(transfer?.(...given) ?? []));
      stay(source, openAtTheOtherEnd);
      stay(sink, overPort);
      let called = 0;
      const value = await this.request(
        (id) => ({ type: 'call', id: (called = id), method, args, priority: call.priority ?? 0 }),
        call,
        handed,
      );
      if (method === 'loadModel' && (value as LoadedModel).device === 'gpu') {
        this.kept.set((value as LoadedModel).handle, { id: called, call, services });
        services = [];
      }
      if (method === 'release') this.drop(given[0] as number);
      return await unlessStopped(this, method, value, call);
    } catch (error) {
      throw rejection(error, call);
    } finally {
      for (const service of services) service.stop();
      closeHandedOver(method, given);
    }
  }

  private drop(handle: number): void {
    for (const service of this.kept.get(handle)?.services ?? []) service.stop();
    this.kept.delete(handle);
  }

  /** To be called where the worker is gone, or of no use: ends it, which gives its memory back, and every call. */
  private lose(what: string): void {
    if (this.end) return;
    this.close(failure('engine-lost', 'The worker', `${what}, and its engine is lost with all that it held`));
    this.channel.terminate().catch(() => undefined);
  }

  /** Ends every call that waits, and all later ones, with `reason`. */
  private close(reason: BeitError): void {
    this.end ??= reason;
    this.unwatch();
    for (const waiting of this.pending.values()) waiting.reject(this.end);
    this.pending.clear();
    for (const handle of [...this.kept.keys()]) this.drop(handle);
  }

  /**
   * Posts a message and returns the answer's value. An abort is passed on, and the promise rejects with the
   * signal's reason once the worker has stopped and given the memory back.
   */
  private async request(message: (id: number) => ToWorker, call: AnyCallOptions = {}, transfer: Transferable[] = []): Promise<unknown> {
    const { signal } = call;
    throwIfAborted(signal);
    if (this.end) throw this.end;
    const id = ++this.lastId;
    const posted = message(id);
    const onAbort = (): void => this.whenListening(() => this.channel.post({ type: 'abort', id }, []));
    const forget = whenAborted(signal, onAbort);
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.pending.set(id, { resolve, reject, call });
        this.channel.busy?.(true);
        const post = (): void => {
          try {
            checkAttached(transfer);
            this.channel.post(posted, transfer);
          } catch (error) {
            // A DataCloneError, such as that of a picture from another origin.
            reject(
              failure(
                'invalid-argument',
                posted.type === 'call' ? posted.method : posted.type,
                `an argument cannot be handed to the worker (${sentenceOf(error)})`,
                error,
              ),
            );
          }
        };
        this.whenListening(post);
      });
    } catch (error) {
      if (error instanceof BeitError && error.code === 'aborted') throwIfAborted(signal);
      throw error;
    } finally {
      this.pending.delete(id);
      if (this.pending.size === 0) this.channel.busy?.(false);
      forget();
    }
  }

  private whenListening(post: () => void): void {
    if (this.listening) post();
    else this.early.push(post);
  }

  private receive(message: FromWorker): void {
    if (message.type === 'thread' || message.type === 'alive' || message.type === 'heart') return; // the channel's own
    if (message.type === 'listening') {
      this.listening = true;
      for (const post of this.early.splice(0)) post();
      if (!this.end) this.unwatch = watchPage((hidden) => this.channel.post({ type: 'page', hidden }, []));
      return;
    }
    if (message.type === 'info') {
      this.info = message.info;
      return;
    }
    if (message.type === 'warning' && !this.pending.has(message.id)) {
      for (const { id, call } of this.kept.values()) if (id === message.id) tell(call.onWarning, fromCoreError(message.error));
    }
    const waiting = this.pending.get(message.id);
    if (!waiting) return;
    // Who has stopped the call hears no more of it, though the worker may not know yet.
    const listeners: AnyCallOptions = waiting.call.signal?.aborted ? {} : waiting.call;
    switch (message.type) {
      case 'result':
        waiting.resolve(message.value);
        break;
      case 'error': {
        const error = fromCoreError(message.error);
        waiting.reject(error);
        if (!message.usable) this.lose(`its core has stopped (${clauseOf(error)})`);
        break;
      }
      case 'progress':
        tell(listeners.onProgress, message.progress);
        break;
      case 'warning':
        tell(listeners.onWarning, fromCoreError(message.error));
        break;
      case 'step':
        tell(listeners.onStep, message.done, message.total);
        break;
    }
  }
}

/** Throws where a buffer was handed over before: Node posts it nevertheless, as a message that nobody can read, nor answer. */
function checkAttached(transfer: readonly Transferable[]): void {
  for (const buffer of transfer) if (buffer instanceof ArrayBuffer && isDetached(buffer)) throw new Error('it was handed over before');
}

function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}

/** What stands at the other end for an argument that stays here, until stop(). */
interface Served {
  reference: SourceReference | MessagePort;
  transfer: Transferable[];
  stop(): void;
}

function overPort(sink: ConversionSink): Served {
  const { port1, port2 } = new MessageChannel();
  const service = serveSink(sink, port1);
  return { reference: port2, transfer: [port2], stop: () => service.stop() };
}

/** Returns a source as what it is, where that can be opened anywhere, else as a port to what serves its bytes. */
function openAtTheOtherEnd(source: Source): Served {
  const description = source.describe();
  if (description) return { reference: { kind: 'description', description }, transfer: [], stop: () => undefined };
  const { port1, port2 } = new MessageChannel();
  const service = serveSource(source, port1);
  const { label, weightsName, offline } = source;
  return { reference: { kind: 'port', label, weightsName, offline, port: port2 }, transfer: [port2], stop: () => service.stop() };
}
