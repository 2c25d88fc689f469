/** What an artefact's script exports. Types only, apart from core.ts: what users see of that needs no browser's names. */
import type { Core } from './core.js';

/** What Emscripten uses of a thread's Worker. */
export interface ThreadWorker {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

/** The default export of an artefact's .js: an Emscripten module factory (ES module). */
export type CoreFactory = (settings: {
  locateFile?: (name: string, prefix: string) => string;
  wasmBinary?: Uint8Array;
  /** Makes the instance in the factory's place, where it is not to compile anything. */
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => Record<string, never>;
  /** Initial at least 4 MB; its maximum may be lower than the 4 GB that the artefact is linked with. */
  wasmMemory?: WebAssembly.Memory;
  mainScriptUrlOrBlob?: string;
  /** How many pthread workers exist before the factory resolves (threaded artefacts). */
  pthreadPoolSize?: number;
  /** Returns a worker for a thread (threaded artefacts), running the artefact's own script as a module named em-pthread. */
  createThread?: (() => ThreadWorker) | undefined;
  print?: (text: string) => void;
  printErr?: (text: string) => void;
}) => Promise<Core>;
