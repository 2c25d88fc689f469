/** Making engines, and sharing one among the objects that ask for the same. */
import { platform } from '#platform';
import { tell } from '../base/callbacks.js';
import { asBeitError, BeitError } from '../base/errors.js';
import { abortable } from '../base/scheduling.js';
import { chooseBuild, detectCapabilities } from '../core/capabilities.js';
import type { CallOptions, Engine, EngineSettings, LoadCallOptions, RuntimeInfo } from '../engine/engine.js';
import { LocalEngine } from '../engine/local.js';
import { RemoteEngine } from '../engine/remote.js';

/** How the work is done; plain choices, each with a default. */
export interface EngineOptions extends EngineSettings {
  /** Whether the core runs in a worker of its own. Default: true in a browser, false in Node. */
  worker?: boolean | undefined;
  /** An engine made by createEngine(), which stays the caller's to dispose of. */
  engine?: Engine | undefined;
}

/**
 * Returns a new engine: an instance of the core with its own memory and threads. Use it to run
 * several side by side; without one, models and processors with the same options share one.
 * Rejects with unsupported, with a sentence, when the options cannot be met here.
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const { worker = platform.workerByDefault, build, threads, artefacts, maximumMemory } = options;
  const settings: EngineSettings = { build, threads, artefacts: artefacts === undefined ? undefined : addressOf(artefacts), maximumMemory };
  try {
    return worker
      ? await RemoteEngine.create(settings, platform.startWorker())
      : await LocalEngine.create(settings, platform.host(), false);
  } catch (error) {
    throw asBeitError(error);
  }
}

/** Returns the URL of a folder of artefacts, in a browser relative to the page. */
function addressOf(artefacts: string): string {
  try {
    return new URL(artefacts, globalThis.location?.href).href;
  } catch (error) {
    throw new BeitError('invalid-argument', `artefacts: ${JSON.stringify(artefacts)} is not a URL.`, { where: 'artefacts', got: String(artefacts), cause: error });
  }
}

/** A share in an engine. release() gives it back; the last one disposes of a shared engine. */
export interface EngineLease {
  readonly engine: Engine;
  release(): Promise<void>;
}

interface Shared {
  users: number;
  promise: Promise<Engine>;
  engine: Engine | null;
}

const shared = new Map<string, Shared>();

/** Returns a share in the engine for these options. */
export async function leaseEngine(options: EngineOptions, call: LoadCallOptions = {}): Promise<EngineLease> {
  if (options.engine) {
    if (!options.engine.usable) throw new BeitError('disposed', 'The engine has been disposed of.', { where: 'engine' });
    return { engine: options.engine, release: async () => undefined };
  }
  const { worker = platform.workerByDefault, build = 'auto', threads = 'auto', artefacts = '', maximumMemory = 0 } = options;
  const key = JSON.stringify([worker, build, threads, artefacts, maximumMemory]);
  let entry = shared.get(key);
  if (!entry || entry.engine?.usable === false) {
    tell(call.onProgress, { phase: 'artefact', file: '', loaded: 0, total: 0, tensors: 0 });
    const made: Shared = { users: 0, engine: null, promise: createEngine(options) };
    made.promise.then((engine) => {
      made.engine = engine;
    }, () => {
      if (shared.get(key) === made) shared.delete(key);
    });
    shared.set(key, made);
    entry = made;
  }
  return share(key, entry, call);
}

async function share(key: string, entry: Shared, call: CallOptions): Promise<EngineLease> {
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
  const engine = await abortable(entry.promise, call.signal, () => void release());
  return { engine, release };
}

/**
 * Returns what an engine with these options would use here, without starting one. Throws
 * unsupported, with a sentence, where the options cannot be met.
 */
export function runtimeInfo(options: EngineOptions = {}): RuntimeInfo {
  const { worker = platform.workerByDefault } = options;
  if (options.engine) return options.engine.info;
  const host = platform.host();
  const capabilities = detectCapabilities({ ...host, mayBlock: host.mayBlock || worker });
  return { ...chooseBuild(capabilities, options), worker, capabilities };
}
