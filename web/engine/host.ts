/** The worker's side: a LocalEngine that answers messages. */
import { BeitError, packError } from '../base/errors.js';
import type { CreateThread } from '../core/artefacts.js';
import type { Host } from '../core/capabilities.js';
import { RemoteSource } from '../sources/bridge.js';
import type { Source, SourceDescription } from '../sources/source.js';
import type { CallOptions, ForwardCallOptions, LoadCallOptions } from './engine.js';
import { LocalEngine } from './local.js';
import { thinned } from './progress.js';
import type { Call, Channel, FromWorker, Method, Methods, SourceReference, ToWorker } from './protocol.js';

type Handlers = { [M in Method]: (args: Methods[M]['args'], call: CallOptions & LoadCallOptions & ForwardCallOptions) => Promise<Methods[M]['value']> };

/** Answers calls on `channel` for as long as the worker lives. */
export function hostEngine(
  channel: Channel<FromWorker, ToWorker>, host: () => Host, openDescription: (description: SourceDescription) => Source,
  createThread?: CreateThread,
): void {
  let engine: LocalEngine | null = null;
  const running = new Map<number, AbortController>();

  const started = (): LocalEngine => {
    if (!engine) throw new BeitError('internal', 'The engine was called before it was started.');
    return engine;
  };

  const withSource = async <T>(reference: SourceReference, use: (source: Source) => Promise<T>): Promise<T> => {
    if (reference.kind === 'description') return use(openDescription(reference.description));
    const source = new RemoteSource(reference.label, reference.weightsName, reference.port);
    try {
      return await use(source);
    } finally {
      source.close();
    }
  };

  const handlers: Handlers = {
    start: async ([settings]) => {
      engine = await LocalEngine.create(settings, host(), true, createThread);
      engine.onInfo = (info) => channel.post({ type: 'info', info }, []);
      return engine.info;
    },
    memory: () => started().memory(),
    readConfig: ([json]) => started().readConfig(json),
    readTensors: ([bytes]) => started().readTensors(bytes),
    decodeImage: ([bytes, label]) => started().decodeImage(bytes, label),
    openProcessor: ([json]) => started().openProcessor(json),
    preprocess: ([processor, images], call) => started().preprocess(processor, images, call),
    preprocessMap: ([processor, map]) => started().preprocessMap(processor, map),
    segment: ([logits, size, withScores]) => started().segment(logits, size, withScores),
    loadModel: ([reference, spec], call) => withSource(reference, (source) => started().loadModel(source, spec, call)),
    inspect: ([reference, spec], call) => withSource(reference, (source) => started().inspect(source, spec, call)),
    forward: ([model, inputs, switches, priority], call) => started().forward(model, inputs, switches, { ...call, priority }),
    release: ([handle]) => started().release(handle),
  };

  const answer = async (call: Call): Promise<void> => {
    const { id } = call;
    const controller = new AbortController();
    running.set(id, controller);
    const options = {
      signal: controller.signal,
      onProgress: thinned((progress) => channel.post({ type: 'progress', id, progress }, [])),
      onWarning: (error: BeitError) => channel.post({ type: 'warning', id, error: packError(error) }, []),
      onStep: (done: number, total: number) => channel.post({ type: 'step', id, done, total }, []),
    };
    try {
      const handler = handlers[call.method] as (args: Call['args'], call: typeof options) => Promise<unknown>;
      const value = await handler(call.args, options);
      channel.post({ type: 'result', id, value }, buffersOf(value));
    } catch (error) {
      channel.post({ type: 'error', id, error: packError(error), usable: engine?.usable ?? false }, []);
    } finally {
      running.delete(id);
    }
  };

  channel.listen((message) => {
    if (message.type === 'abort') running.get(message.id)?.abort(new BeitError('aborted', 'The work was stopped.'));
    else void answer(message);
  }, () => undefined);
  channel.post({ type: 'listening' }, []);
}

/** Returns the buffers of a result's tensors and arrays, which are handed over rather than copied. */
function buffersOf(value: unknown): Transferable[] {
  const found = new Set<ArrayBuffer>();
  const visit = (item: unknown): void => {
    const data = ArrayBuffer.isView(item) ? item : (item as { data?: unknown } | null)?.data;
    if (ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) found.add(data.buffer);
  };
  if (typeof value === 'object' && value !== null) {
    visit(value);
    for (const item of Object.values(value)) visit(item);
  }
  return [...found];
}
