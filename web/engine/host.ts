/** The worker's side: a LocalEngine that answers messages. */
import { BeitError, packError } from '../base/errors.js';
import type { Host } from '../core/capabilities.js';
import { RemoteSource } from '../sources/bridge.js';
import { pageIsHidden } from '../sources/http/presence.js';
import type { Source, SourceDescription } from '../sources/source.js';
import { BegunSource } from './begun-source.js';
import type { LoadedModel, ModelSpec } from './engine.js';
import { LocalEngine, type EngineServices } from './local.js';
import { buffersOf, METHODS, type AnyCallOptions } from './methods.js';
import { thinned } from './progress.js';
import type { Channel, FromWorker, SourceReference, ToWorker } from './protocol.js';
import { RemoteSink } from './sink-bridge.js';

/** What is answered. */
type Request = Exclude<ToWorker, { type: 'abort' | 'page' }>;

/** Answers calls on `channel` for as long as the worker lives. */
export function hostEngine(
  channel: Channel<FromWorker, ToWorker>,
  host: () => Host,
  openDescription: (description: SourceDescription) => Source,
  services?: EngineServices,
): void {
  let engine: LocalEngine | null = null;
  let starting: Promise<LocalEngine> | null = null;
  const running = new Map<number, AbortController>();
  /** By handle: sources of models on a GPU, which may have to be read once more. */
  const kept = new Map<number, { close?(): void }[]>();

  const opened = (reference: SourceReference): Source & { close?(): void } =>
    reference.kind === 'description'
      ? openDescription(reference.description)
      : new RemoteSource(reference.label, reference.weightsName, reference.port, reference.offline);

  const perform = async (message: Request, options: AnyCallOptions): Promise<unknown> => {
    if (message.type === 'start') {
      starting = LocalEngine.create(message.settings, host(), true, services);
      engine = await starting;
      engine.onInfo = (info) => channel.post({ type: 'info', info }, []);
      return engine.info;
    }
    if (!starting) throw new BeitError('internal', 'The engine was called before it was started.');
    const { method, priority } = message;
    const { call, source, sink } = METHODS[method];
    const args = [...message.args];
    if (call !== undefined) args[call] = { ...options, priority };
    let standIns: { close?(): void }[] = [];
    const put = (index: number, standIn: { close?(): void }): void => {
      args[index] = standIn;
      standIns.push(standIn);
    };
    try {
      if (source !== undefined) {
        const own = opened(args[source] as SourceReference);
        put(source, engine || method !== 'loadModel' ? own : new BegunSource(own, args[1] as ModelSpec, options));
      }
      if (sink !== undefined) put(sink, new RemoteSink(args[sink] as MessagePort));
      const started = engine ?? (await starting);
      // The types of both ends are Engine's; what is between them is a list of anything.
      const value = await (started[method] as (...args: unknown[]) => Promise<unknown>).apply(started, args);
      if (method === 'loadModel' && (value as LoadedModel).device === 'gpu') {
        kept.set((value as LoadedModel).handle, standIns);
        standIns = [];
      } else if (method === 'release') {
        standIns = kept.get(args[0] as number) ?? [];
        kept.delete(args[0] as number);
      }
      return value;
    } finally {
      for (const standIn of standIns) standIn.close?.();
    }
  };

  const answer = async (message: Request): Promise<void> => {
    const { id } = message;
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const value = await perform(message, {
        signal: controller.signal,
        onProgress: thinned((progress) => channel.post({ type: 'progress', id, progress }, [])),
        onWarning: (error) => channel.post({ type: 'warning', id, error: packError(error) }, []),
        onStep: (done, total) => channel.post({ type: 'step', id, done, total }, []),
      });
      channel.post({ type: 'result', id, value }, arraysOf(value));
    } catch (error) {
      channel.post({ type: 'error', id, error: packError(error), usable: engine?.usable ?? message.type !== 'start' }, []);
    } finally {
      running.delete(id);
    }
  };

  channel.listen(
    (message) => {
      if (message.type === 'abort') running.get(message.id)?.abort(new BeitError('aborted', 'The work was stopped.'));
      else if (message.type === 'page') pageIsHidden(message.hidden);
      else void answer(message);
    },
    () => undefined,
  );
  channel.post({ type: 'listening' }, []);
}

/** Returns the buffers of a result's tensors and arrays, which are handed over rather than copied. */
function arraysOf(value: unknown): Transferable[] {
  if (typeof value !== 'object' || value === null) return [];
  const arrays = [value, ...Object.values(value)].flatMap((item: unknown) => {
    const data = ArrayBuffer.isView(item) ? item : (item as { data?: unknown } | null)?.data;
    return ArrayBuffer.isView(data) ? [data] : [];
  });
  return buffersOf(arrays);
}
