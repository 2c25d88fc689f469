import { browserGpu } from '../engine/gpu.js';
import { absolute, addressOf } from '../assets.js';
import { BeitError, failure, mismatch, sentenceOf } from '../base/errors.js';
import { HEARTBEAT_MS, WORKER, type FromWorker, type ToWorker } from '../engine/protocol.js';
import { openBrowserCache, persistStorage } from '../sources/cache/browser.js';
import { fetchBytes, HttpSource } from '../sources/http/source.js';
import { resolveSource } from '../sources/resolve.js';
import { browserHost } from './host-browser.js';
import { browserHttp } from './http-browser.js';
import { startModuleWorker, whyNotLoaded } from './module-worker.js';
import type { Platform } from './platform.js';
import { findAvif } from './avif.js';
import { findTraining } from './training.js';
import { findSample, noSample, pathInAssets, textsOf } from './samples.js';

function pageUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/** Starts a worker for a thread of an engine, which it talks to through `port`. */
function startThread(script: string, port: MessagePort, onFailure: (reason: string) => void): Worker {
  const thread = startModuleWorker(script, 'em-pthread');
  // Not before it listens: Firefox loses what comes earlier.
  thread.onmessage = () => thread.postMessage({ port }, [port]);
  thread.onerror = (event) => void reasonOf(event, script).then((reason) => onFailure(`a thread: ${reason}`));
  return thread;
}

/** Returns what an error event of a worker says: without a message, or with one of an import, its script could not be loaded. */
async function reasonOf({ message }: ErrorEvent, script: string): Promise<string> {
  if (message && (script === '' || !message.includes(script))) return message;
  return script === '' ? 'its script could not be loaded' : whyNotLoaded(script);
}

/** Calls `tell` when nobody holds the lock any more; nothing tells by itself that a worker was killed, or has closed itself. */
function whenReleased(lock: string, signal: AbortSignal, tell: () => void): void {
  navigator.locks.request(lock, { signal }, tell).catch(() => undefined);
}

/** Calls `tell` when nothing has come through the port for some time. */
function whenSilent(port: MessagePort, signal: AbortSignal, tell: () => void): void {
  // Turns without a beat, and not time: where this page sleeps or is busy, beats wait for it as well.
  let missed = 0;
  port.onmessage = () => {
    missed = 0;
  };
  const timer = setInterval(() => {
    if (++missed > MAX_MISSED) tell();
  }, HEARTBEAT_MS);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    port.close();
  });
}

/** Some seconds: an end that is heard of late costs less than an engine that is given up where the machine is short of time. */
const MAX_MISSED = 10;

/** Pages, workers, service workers and extensions: no DOM is needed. */
export const platform: Platform = {
  host: browserHost,
  // Where there are no workers inside (a service worker), the engine runs in the thread itself.
  workerByDefault: typeof Worker === 'function',

  workerScript: (folder) => addressOf('engine.js', folder),

  startWorker(script, factory) {
    if (!factory && typeof Worker !== 'function')
      throw new BeitError('unsupported', 'This thread cannot start workers: leave out worker: true.');
    let worker: Worker;
    try {
      worker = factory ? (factory() as Worker) : startModuleWorker(script, WORKER);
    } catch (error) {
      throw failure(
        'unsupported',
        'The worker',
        `it cannot be started (${sentenceOf(error)}); with worker: false the engine runs in this thread`,
        error,
      );
    }
    if (typeof worker?.postMessage !== 'function')
      throw mismatch('invalid-argument', 'workerFactory', typeof worker, 'a function that returns a Worker');
    const threads: Worker[] = [];
    const ended = new AbortController();
    return {
      post: (message: ToWorker, transfer: Transferable[]) => worker.postMessage(message, transfer),
      listen: (onMessage: (message: FromWorker) => void, onFailure: (reason: string) => void) => {
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          if (data.type === 'alive') whenReleased(data.lock, ended.signal, () => onFailure('it has ended'));
          if (data.type === 'heart') whenSilent(data.port, ended.signal, () => onFailure('it has ended'));
          if (data.type !== 'thread') return onMessage(data);
          try {
            threads.push(startThread(data.script, data.port, onFailure));
          } catch (error) {
            onFailure(`a thread: ${sentenceOf(error)}`);
          }
        };
        worker.onerror = (event) => void reasonOf(event, script).then(onFailure);
        worker.onmessageerror = () => onFailure('a message could not be read');
      },
      terminate: async () => {
        ended.abort();
        worker.terminate();
        for (const thread of threads) thread.terminate();
      },
    };
  },

  resolveSource: (source, options) => resolveSource(source, options, { base: pageUrl(), http: browserHttp }),

  openCache: openBrowserCache,
  persist: persistStorage,

  async sample(name, folder) {
    const sample = findSample(name);
    const given = folder === undefined ? sample?.weights() : new URL(pathInAssets(name), folder);
    if (!given) throw noSample(" and write import 'beit-wasm-samples'");
    const url = absolute(given);
    // The page's own file: the server's headers and the page's service worker say how long the browser keeps it.
    return new HttpSource(
      {
        kind: 'http',
        label: `the sample checkpoint "${name}"`,
        base: new URL('.', url).href,
        files: { 'model.safetensors': url },
        weightsName: 'model.safetensors',
        texts: textsOf(sample),
        headers: {},
        cache: false,
        keptByBrowser: true,
      },
      browserHttp,
    );
  },

  avifModule: () => {
    const module = findAvif();
    return module ? absolute(module) : null;
  },

  trainingBuilds: () => findTraining(absolute) ?? null,

  folderToWrite(path) {
    throw failure(
      'unsupported',
      path,
      'a page cannot write to a path: give a FileSystemDirectoryHandle, as showDirectoryPicker() returns it',
    );
  },

  readImage: (address, signal) => fetchBytes(new URL(address, pageUrl()), signal),

  readAsset: (address) => fetchBytes(new URL(address), null),
  findGpu: browserGpu,
};
