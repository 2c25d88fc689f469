/** The three builds of the core as files, and how one is started. */
import { ARTEFACTS } from '../assets.js';
import { failure, sentenceOf } from '../base/errors.js';
import type { Build } from './capabilities.js';
import type { Core, CoreFactory, ThreadWorker } from './core.js';
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
  /** The folder (with a final slash) that has the artefacts, where it is not beside this module. */
  artefacts?: string | undefined;
  /** The most bytes of linear memory. Default: 4 GB */
  maximumMemory?: number | undefined;
}

/** Makes the worker of a thread, which runs `script` as a module named em-pthread. */
export type CreateThread = (script: string) => ThreadWorker;

/**
 * Returns a started core. Rejects with not-found or network when its files cannot be had, with
 * out-of-memory when there is no memory for it, and with internal when the engine refuses it.
 */
export async function startCore({ build, threads, artefacts, maximumMemory = MOST_MEMORY }: CoreSettings, createThread?: CreateThread): Promise<Core> {
  const script = artefacts ? new URL(`beit-${build}.js`, artefacts) : ARTEFACTS[build].script();
  const wasm = artefacts ? new URL(`beit-${build}.wasm`, artefacts) : ARTEFACTS[build].wasm();
  let create: CoreFactory;
  try {
    create = provided.get(build)
      ?? (await import(/* webpackIgnore: true */ /* @vite-ignore */ script.href) as { default: CoreFactory }).default;
  } catch (error) {
    throw failure('not-found', script.href, `the artefact cannot be loaded (${sentenceOf(error)})`, error);
  }
  const { memory, maximum } = makeMemory(build !== 'simd', maximumMemory);
  const printed: string[] = [];
  const remember = (line: string): void => {
    if (printed.length < 20) printed.push(line);
  };
  let core: Core;
  try {
    core = await create({
      locateFile: (name, prefix) => name.endsWith('.wasm') ? wasm.href : prefix + name,
      mainScriptUrlOrBlob: script.href,
      wasmMemory: memory,
      pthreadPoolSize: threads - 1,
      createThread: createThread && (() => createThread(script.href)),
      print: remember,
      printErr: remember,
    });
  } catch (error) {
    const lines = printed.length > 0 ? `; it printed: ${printed.join(' ')}` : '';
    throw failure('internal', wasm.href, `the artefact cannot be started (${sentenceOf(error)}${lines})`, error);
  }
  core.maximum = maximum;
  return core;
}
