/** The engine's methods that cross to a worker. The one list: proxy and host are made from it. */
import { asBeitError } from '../base/errors.js';
import type { CallOptions, Engine, EngineImage, ForwardCallOptions, LoadCallOptions } from './engine.js';
import type { TrainingEngine } from './trainer-calls.js';

export type Method = Exclude<keyof TrainingEngine, 'info' | 'usable' | 'dispose'>;

/** What a call has that stays with its caller: its signal and listeners. */
export type AnyCallOptions = CallOptions & LoadCallOptions & ForwardCallOptions;

/** What of a method's arguments is not plain data that is copied. */
export interface Crossing<Args extends unknown[] = unknown[]> {
  /** Which argument, the last, has the caller's signal and listeners: they stay, and messages stand for them. */
  call?: number;
  /** Which argument is a Source: it is opened at the other end, or its bytes come from here. */
  source?: number;
  /** Which argument is a ConversionSink: it stays, and a port stands for it. */
  sink?: number;
  /** What is handed over. */
  transfer?(...args: Args): Transferable[];
  /** Whether there is nothing to do once the engine has ended, since that has given everything back. */
  givesBack?: boolean;
  /** Whether what it returns has a handle, which stays open until release(). */
  opens?: boolean;
}

export const METHODS: { readonly [M in Method]: Crossing<Parameters<TrainingEngine[M]>> } = {
  memory: {},
  readConfig: {},
  readTensors: {},
  decodeImage: {},
  openProcessor: { opens: true },
  preprocess: {
    call: 2,
    transfer: (_, images) => ownedOf(images),
  },
  preprocessMap: {},
  segment: {},
  loadModel: { call: 2, source: 0, opens: true },
  inspect: { call: 2, source: 0 },
  convert: { call: 4, source: 0, sink: 3 },
  gradients: { call: 4, source: 0 },
  forward: {
    call: 3,
    transfer: (_, inputs, __, call) =>
      call?.transfer ? buffersOf(Object.values(inputs).flatMap((input?: { data: ArrayBufferView }) => (input ? [input.data] : []))) : [],
  },
  run: { call: 4, transfer: (_, __, image) => ownedOf([image]) },
  fitHead: {},
  openTrainer: { call: 2, source: 0, opens: true },
  train: {
    call: 3,
    transfer: (_, __, settings) =>
      settings && 'examples' in settings ? ownedOf(settings.examples.flatMap(({ image }) => (image ? [image] : []))) : [],
  },
  release: { givesBack: true },
};

/**
 * Closes the pictures that were handed over with a call which is over, however it ended: an open frame holds memory of a camera or a decoder,
 * which have few of them. What is closed already, or with a worker, stays as it is.
 */
export function closeHandedOver(method: Method, given: readonly unknown[]): void {
  const { transfer } = METHODS[method] as Crossing;
  try {
    for (const each of transfer?.(...given) ?? []) if ('close' in each) each.close();
  } catch {
    // Arguments that are none, as the call has told already.
  }
}

/** Returns what of images is to be handed over, each once. */
function ownedOf(images: readonly EngineImage[]): Transferable[] {
  const owned = images.filter((image) => image.owned);
  const drawables = owned.flatMap((image) => (image.kind === 'drawable' ? [image.image] : []));
  const arrays = owned.flatMap((image) => (image.kind === 'encoded' ? [image.bytes] : image.kind === 'raw' ? [image.data] : []));
  return [...new Set(drawables), ...buffersOf(arrays)];
}

/** Returns what of a method's arguments stays with its caller; {} where there is none. */
export function callOf(method: Method, given: readonly unknown[]): AnyCallOptions {
  const { call } = METHODS[method];
  return ((call === undefined ? undefined : given[call]) as AnyCallOptions | undefined) ?? {};
}

/** Returns what a call is to return, unless its caller has stopped it meanwhile: then gives back what it opened, and throws the reason. */
export async function unlessStopped(engine: Engine, method: Method, value: unknown, { signal }: AnyCallOptions): Promise<unknown> {
  if (!signal?.aborted) return value;
  if (METHODS[method].opens) await engine.release((value as { handle: number }).handle);
  throw signal.reason;
}

/** Returns what a call rejects with after `thrown`: a BeitError, or the reason with which its caller has stopped it. */
export function rejection(thrown: unknown, { signal }: AnyCallOptions): unknown {
  return signal?.aborted && thrown === signal.reason ? thrown : asBeitError(thrown);
}

/** Returns what of arrays can be handed over: buffers that are not shared, each once. */
export function buffersOf(arrays: ArrayBufferView[]): ArrayBuffer[] {
  return [...new Set(arrays.map(({ buffer }) => buffer))].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}
