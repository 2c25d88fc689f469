/** The names of options, of which each call refuses those that there are not. */
import { checkNames } from '../base/option-names.js';
import type { CallOptions, ForwardCallOptions, LoadCallOptions } from '../engine/engine.js';
import type { SourceOptions } from '../sources/source.js';

/** Every name of an interface; whoever declares it has the compiler see to it that none is missing. */
export type NamesOf<Options> = { readonly [Name in keyof Options]-?: true };

export const RUNTIME = {
  assets: true,
  artefacts: true,
  wasmBinary: true,
  workerFactory: true,
  maximumMemory: true,
  worker: true,
  device: true,
  build: true,
  threads: true,
} as const;

const SOURCE: NamesOf<SourceOptions> = {
  host: true,
  revision: true,
  token: true,
  headers: true,
  fetch: true,
  retry: true,
  cache: true,
  offline: true,
  revalidate: true,
  keepAs: true,
  sha256: true,
};

const CALL: NamesOf<CallOptions> = { signal: true, transfer: true };

const LOAD: NamesOf<LoadCallOptions> = { ...CALL, onProgress: true, onWarning: true };

const FORWARD: NamesOf<ForwardCallOptions> = { ...CALL, onStep: true, priority: true };

export const ENGINE = { ...RUNTIME, engine: true } as const;

/** What anything that opens a source takes: one object of options may go to a processor, a model and a pipeline. */
export const OPENING = {
  ...ENGINE,
  ...SOURCE,
  ...LOAD,
  dtype: true,
  config: true,
  layerNormEps: true,
  relativePositionBiasResize: true,
  addPoolingLayer: true,
  taps: true,
  auxiliaryHead: true,
  tokenizer: true,
  restart: true,
  className: true,
} as const;

/** Throws invalid-argument for what is no object, and for a name that nothing which opens a source, or makes an engine, knows. */
export function checkOpening(options: object): void {
  checkNames('options', options, Object.keys(OPENING));
}

/** The same for configure(). */
export function checkConfiguration(options: object): void {
  checkNames('configure()', options, [...Object.keys(RUNTIME), ...Object.keys(SOURCE)]);
}

/** The same for a call that takes `own` besides what every pass takes. */
export function checkCall(where: string, options: object, own: readonly string[] = []): void {
  checkNames(where, options, [...own, ...Object.keys(FORWARD)]);
}
