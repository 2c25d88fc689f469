/** The three builds of the core as files, and how one is started. */
import { failure, sentenceOf } from '../base/errors.js';
import type { Build } from './capabilities.js';
import type { ArtefactFiles, Core } from './core.js';
import type { CoreFactory, ThreadWorker } from './factory.js';
import { makeMemory, MOST_MEMORY } from './memory.js';

const provided = new Map<Build, CoreFactory>();

/** Has a build's factory taken from here, rather than imported when an engine starts. */
export function provideArtefact(build: Build, factory: CoreFactory): void {
  provided.set(build, factory);
}

export interface CoreSettings {
  build: Build;
  /** Threads in all, the calling one included. */
  threads: number;
  files: ArtefactFiles;
  /** What `files.wasm` holds, where the caller has it: bytes, or what its host has compiled of them. */
  wasmBinary?: Uint8Array | WebAssembly.Module | undefined;
  /** The most bytes of linear memory. Default: 4 GB */
  maximumMemory?: number | undefined;
}

/** Makes the worker of a thread, which runs `script` as a module named em-pthread. */
export type CreateThread = (script: string) => ThreadWorker;

/** Compiles a file while it comes, where its server names its type. */
async function fetchModule(address: string): Promise<WebAssembly.Module> {
  const response = await fetch(address, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const named = response.headers.get('Content-Type') === 'application/wasm';
  return named ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Returns a started core. Rejects with not-found or network when its files cannot be had, with
 * out-of-memory when there is no memory for it, and with internal when the engine refuses it.
 */
export async function startCore(settings: CoreSettings, createThread?: CreateThread): Promise<Core> {
  const { threads, files } = settings;
  if (!createThread) return instantiate(settings);
  // A worker takes as long to come as the script and the module do, so it comes beside them.
  const ahead = Array.from({ length: threads - 1 }, () => createThread(files.script));
  try {
    return await instantiate(settings, () => ahead.shift() ?? createThread(files.script));
  } finally {
    for (const thread of ahead) thread.terminate();
  }
}

async function instantiate(
  { build, threads, files: { script, wasm }, wasmBinary, maximumMemory = MOST_MEMORY }: CoreSettings,
  createThread?: () => ThreadWorker,
): Promise<Core> {
  const given = wasmBinary instanceof Uint8Array ? null : wasmBinary;
  // In Node the factory reads the file by itself. Else it comes beside the script, not behind it.
  const fetched = wasmBinary === undefined && !wasm.startsWith('file:') ? fetchModule(wasm) : null;
  const compiled = given ? Promise.resolve(given) : fetched;
  compiled?.catch(() => undefined);
  let create: CoreFactory;
  try {
    create =
      provided.get(build) ?? ((await import(/* webpackIgnore: true */ /* @vite-ignore */ script)) as { default: CoreFactory }).default;
  } catch (error) {
    throw failure(
      'not-found',
      script,
      `the artefact cannot be loaded (${sentenceOf(error)}); the option assets names a folder that has the package's files`,
      error,
    );
  }
  const { memory, maximum } = makeMemory(build !== 'simd', maximumMemory);
  const printed: string[] = [];
  const remember = (line: string): void => {
    if (printed.length < 20) printed.push(line);
  };
  let refuse: (error: unknown) => void = () => undefined;
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  const settings: Parameters<CoreFactory>[0] & Pick<Core, 'PThread'> = {
    locateFile: (name, prefix) => (name.endsWith('.wasm') ? wasm : prefix + name),
    mainScriptUrlOrBlob: script,
    ...(wasmBinary instanceof Uint8Array && { wasmBinary }),
    ...(compiled && {
      instantiateWasm: (imports, receive) => {
        compiled.then(async (module) => receive(await WebAssembly.instantiate(module, imports), module)).catch(refuse);
        return {};
      },
    }),
    wasmMemory: memory,
    pthreadPoolSize: threads - 1,
    createThread,
    print: remember,
    printErr: remember,
  };
  let core: Core;
  try {
    core = await Promise.race([create(settings), refused]);
  } catch (error) {
    // The factory makes the core of its settings. Its threads' workers are there by now, and would keep Node running.
    settings.PThread?.terminateAllThreads();
    const lines = printed.length > 0 ? `; it printed: ${printed.join(' ')}` : '';
    throw failure('internal', wasm, `the artefact cannot be started (${sentenceOf(error)}${lines})`, error);
  }
  core.maximum = maximum;
  return core;
}
