/** Making engines, and sharing one among the objects that ask for the same. */
import { platform } from '#platform';
import { tell } from '../base/callbacks.js';
import { addressOf, artefactFiles } from '../assets.js';
import { asBeitError, BeitError, failure, mismatch, sentenceOf, shown } from '../base/errors.js';
import { isArrayBuffer, isArrayOf } from '../base/realms.js';
import { abortable } from '../base/scheduling.js';
import { BUILDS, chooseBuild, detectCapabilities, ofEachBuild, scriptOf, type Build } from '../core/capabilities.js';
import type { CallOptions, Engine, EngineSettings, LoadCallOptions, RuntimeInfo } from '../engine/engine.js';
import { DEVICES, deviceOf, type OwnDevice } from '../engine/devices.js';
import { LocalEngine } from '../engine/local.js';
import { RemoteEngine } from '../engine/remote.js';
import { configured, folderOf, type RuntimeOptions } from './configure.js';
import { checkOpening, ENGINE, type NamesOf } from './options.js';

/** How the work is done; plain choices, each with a default. */
export interface EngineOptions extends RuntimeOptions {
  /** An engine made by createEngine(), which stays the caller's to dispose of. */
  engine?: Engine | undefined;
}

ENGINE satisfies NamesOf<EngineOptions>;

/**
 * Returns a new engine: an instance of the core with its own memory and threads. Use it to run
 * several side by side; without one, models and processors with the same options share one.
 * Rejects with unsupported, with a sentence, when the options cannot be met here, and with invalid-argument for another engine among them.
 * @example
 * ```js
 * import { createEngine, pipeline } from 'beit-wasm';
 *
 * const engine = await createEngine({ threads: 1 });
 * const classify = await pipeline('image-classification', 'microsoft/beit-base-patch16-224', { engine });
 * await classify.dispose();
 * await engine.dispose();
 * ```
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  checkOpening(options);
  if (options.engine)
    throw mismatch('invalid-argument', 'engine', 'an engine', 'none, since another one is made; models take it by that name');
  return makeEngine(configured(options));
}

/** Returns an engine whose core trains. Rejects as createEngine(), and with unsupported where the package with the builds for it is not there. */
export async function createTrainingEngine(options: EngineOptions = {}): Promise<Engine> {
  const all = configured(options);
  const own = folderOf('artefacts', all.artefacts);
  const files = own === undefined ? platform.trainingBuilds() : buildsIn(own, 'beit-training');
  if (!files) {
    throw failure(
      'unsupported',
      'Training',
      "its builds are a package of their own: npm install beit-wasm-training; a page adds import 'beit-wasm-training'",
    );
  }
  return makeEngine(all, files);
}

/** `begun` is called before this returns, where there is already who takes calls: they wait for the start, and fail where that does. */
async function makeEngine(all: EngineOptions, files?: EngineSettings['files'], begun?: (engine: Engine) => void): Promise<Engine> {
  try {
    const settings = { ...settingsOf(all), ...(files && { files }) };
    const gpuDevice = ownDevice(all.device);
    if (gpuDevice && all.worker)
      throw mismatch(
        'invalid-argument',
        'device',
        'a GPUDevice beside worker: true',
        'worker: false, since it cannot be handed to a worker',
      );
    const { readAsset, findGpu } = platform;
    if (gpuDevice || !(all.worker ?? platform.workerByDefault))
      return await LocalEngine.create(settings, platform.host(), false, { readAsset, findGpu, gpuDevice });
    const script = all.workerFactory ? '' : platform.workerScript(folderOf('assets', all.assets));
    try {
      // Another engine may take the place of one whose script is another origin's.
      return await RemoteEngine.create(settings, platform.startWorker(script, all.workerFactory), isForeign(script) ? undefined : begun);
    } catch (error) {
      if (all.worker !== undefined || !isForeign(script) || !(error instanceof BeitError) || !NOT_STARTED.includes(error.code)) throw error;
      return await inThisThread(settings, error);
    }
  } catch (error) {
    throw asBeitError(error);
  }
}

/** What an engine is rejected with whose worker cannot be started, or ends at once. */
const NOT_STARTED = ['unsupported', 'engine-lost'];

/** Returns an engine in the page itself, whose policy lets no worker be started from where the library is. */
async function inThisThread(settings: EngineSettings, reason: BeitError): Promise<Engine> {
  const { readAsset, findGpu } = platform;
  const engine = await LocalEngine.create(settings, platform.host(), false, { readAsset, findGpu });
  engine.info = {
    ...engine.info,
    reason: `${engine.info.reason} It runs in the page's own thread, which it blocks, since there is no worker: ${sentenceOf(reason)}.`,
  };
  return engine;
}

/** Returns whether a script is not of this page's origin: then a policy may forbid to start it. */
function isForeign(script: string): boolean {
  return globalThis.location !== undefined && script !== '' && new URL(script).origin !== globalThis.location.origin;
}

/** Returns what an engine is made from. Throws invalid-argument. */
export function settingsOf({ build, threads, assets, artefacts, wasmBinary, maximumMemory, device }: EngineOptions): EngineSettings {
  const folder = folderOf('assets', assets);
  const own = folderOf('artefacts', artefacts);
  const files = own === undefined ? ofEachBuild((name) => artefactFiles(name, folder)) : buildsIn(own, 'beit');
  const [codecs, teaching] =
    own === undefined
      ? [addressOf('wasm/beit-codecs.wasm', folder), addressOf('wasm/beit-teaching.wasm', folder)]
      : [new URL('beit-codecs.wasm', own).href, new URL('beit-teaching.wasm', own).href];
  const decoders = { codecs, avif: platform.avifModule() };
  return {
    build,
    threads,
    files,
    decoders,
    teaching,
    gpu: {
      main: addressOf('gpu.js', folder),
      extras: addressOf('gpu-extras.js', folder),
      tokenizer: addressOf('gpu-tokenizer.js', folder),
    },
    device: typeof device === 'string' ? device : undefined,
    wasmBinary: checkedBinary(wasmBinary, build),
    maximumMemory,
  };
}

/** Returns the builds whose files lie in a folder: PREFIX-BUILD.wasm, and PREFIX-SCRIPT.js with the names of scriptOf(). */
function buildsIn(folder: string, prefix: string): EngineSettings['files'] {
  return ofEachBuild((name) => ({
    script: new URL(`${prefix}-${scriptOf(name)}.js`, folder).href,
    wasm: new URL(`${prefix}-${name}.wasm`, folder).href,
  }));
}

/** Returns the caller's device, where `device` is one. Throws invalid-argument for what is neither that nor a name. */
function ownDevice(device: EngineOptions['device']): OwnDevice | undefined {
  const given: unknown = device;
  if (given === undefined || DEVICES.some((name) => name === given)) return undefined;
  // One of another realm, or of a package, is no instance of this one's class.
  if (typeof given === 'object' && given !== null && 'createComputePipelineAsync' in given) return given as OwnDevice;
  throw mismatch('invalid-argument', 'device', shown(given), `${DEVICES.map((name) => `"${name}"`).join(', ')} or a GPUDevice`);
}

function checkedBinary(binary: RuntimeOptions['wasmBinary'], build: Build | 'auto' = 'auto'): EngineSettings['wasmBinary'] {
  if (binary === undefined) return undefined;
  if (build === 'auto')
    throw mismatch('invalid-argument', 'build', '"auto" beside a wasmBinary', `the build that it is of: ${BUILDS.join(', ')}`);
  if (isArrayOf(binary, Uint8Array)) return binary;
  if (isArrayBuffer(binary)) return new Uint8Array(binary);
  if (Object.prototype.toString.call(binary) === '[object WebAssembly.Module]') return binary;
  throw mismatch('invalid-argument', 'wasmBinary', typeof binary, 'an ArrayBuffer, a Uint8Array or a WebAssembly.Module');
}

/** A share in an engine. release() gives it back; the last one disposes of a shared engine. */
export interface EngineLease {
  readonly engine: Engine;
  /** Rejects where the engine cannot be started, or the signal was aborted before: then the share has been given back. */
  readonly started: Promise<unknown>;
  release(): Promise<void>;
}

interface Shared {
  users: number;
  promise: Promise<Engine>;
  /** The engine, also before it has started; null where there is none that takes calls by then. */
  begun: Engine | null;
  engine: Engine | null;
}

const shared = new Map<string, Shared>();

const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Returns a number that stands for an object in the key of what is shared. */
function numberOf(object: object | undefined): number {
  if (!object) return 0;
  const number = numbers.get(object) ?? ++lastNumber;
  numbers.set(object, number);
  return number;
}

/** Returns a share in the engine for these options, which has started unless it may be `early`. */
export async function leaseEngine(options: EngineOptions, call: LoadCallOptions = {}, early = false): Promise<EngineLease> {
  ownDevice(options.device);
  if (options.engine) {
    if (!options.engine.usable) throw new BeitError('disposed', 'The engine has been disposed of.', { where: 'engine' });
    return { engine: options.engine, started: Promise.resolve(), release: async () => undefined };
  }
  const all = configured(options);
  const {
    worker = platform.workerByDefault,
    build = 'auto',
    threads = 'auto',
    assets = '',
    artefacts = '',
    maximumMemory = 0,
    wasmBinary,
    workerFactory,
    device = 'cpu',
  } = all;
  checkedBinary(wasmBinary, build);
  const key = JSON.stringify([
    worker,
    shown(build),
    shown(threads),
    shown(assets),
    shown(artefacts),
    shown(maximumMemory),
    numberOf(wasmBinary),
    numberOf(workerFactory),
    typeof device === 'string' ? device : numberOf(device),
  ]);
  let entry = shared.get(key);
  if (!entry || entry.engine?.usable === false) {
    tell(call.onProgress, { phase: 'artefact', file: '', loaded: 0, total: 0, tensors: 0, share: 0 });
    let begun: Engine | null = null;
    const promise = makeEngine(all, undefined, (engine) => {
      begun = engine;
    });
    const made: Shared = { users: 0, engine: null, begun, promise };
    made.promise.then(
      (engine) => {
        made.engine = engine;
      },
      () => {
        if (shared.get(key) === made) shared.delete(key);
      },
    );
    shared.set(key, made);
    entry = made;
  }
  return share(key, entry, call, early);
}

async function share(key: string, entry: Shared, call: CallOptions, early: boolean): Promise<EngineLease> {
  ++entry.users;
  let released = false;
  const release = async (): Promise<void> => {
    if (released) return;
    released = true;
    if (--entry.users > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    await (await entry.promise).dispose();
  };
  // A lease that was given up before the engine stood is released when it stands.
  const started = abortable(entry.promise, call.signal, () => void release());
  started.catch(() => undefined);
  return { engine: early && entry.begun ? entry.begun : await started, started, release };
}

/** Returns what an engine uses, for one of its models where `handle` is one's. */
export function infoOf({ info }: Engine, handle?: number): RuntimeInfo {
  const { devices, ...facts } = info;
  return { ...facts, ...(handle !== undefined && devices[handle]) };
}

/**
 * Returns what an engine with these options would use here, without starting one. Throws
 * invalid-argument for an option that there is not, and unsupported, with a sentence, where the options cannot be met.
 * @example
 * ```js
 * import { runtimeInfo } from 'beit-wasm';
 *
 * const { build, threads, reason } = runtimeInfo();
 * ```
 */
export function runtimeInfo(options: EngineOptions = {}): RuntimeInfo {
  checkOpening(options);
  const all = configured(options);
  if (all.engine) return infoOf(all.engine);
  const { worker = platform.workerByDefault } = all;
  const host = platform.host();
  const capabilities = detectCapabilities({ ...host, mayBlock: host.mayBlock || worker });
  const own = ownDevice(all.device);
  const device = typeof all.device === 'string' ? all.device : 'cpu';
  return { ...chooseBuild(capabilities, all), worker: worker && !own, capabilities, ...deviceOf(device, own !== undefined) };
}
