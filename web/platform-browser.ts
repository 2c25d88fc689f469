import { openBrowserCache } from './cache-browser.js';
import { BeitError } from './errors.js';
import { browserHost } from './host-browser.js';
import { browserHttp } from './http-browser.js';
import type { EmbeddedName, Platform } from './platform.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { resolveSource } from './resolve-source.js';
import { fetchBytes, HttpSource } from './source-http.js';

function pageUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/** Starts a worker for a thread of an engine, which it talks to through `port`. */
function startThread(script: string, port: MessagePort, onFailure: (reason: string) => void): Worker {
  const thread = new Worker(script, { type: 'module', name: 'em-pthread' });
  // Not before it listens: Firefox loses what comes earlier.
  thread.onmessage = () => thread.postMessage({ port }, [port]);
  thread.onerror = (event) => onFailure(`a thread: ${event.message || 'its script could not be loaded'}`);
  return thread;
}

// Written out, since bundlers find the files that they must carry by this very form.
const EMBEDDED: Record<EmbeddedName, Record<string, string>> = {
  classifier: {
    'config.json': new URL('../weights/classifier/config.json', import.meta.url).href,
    'preprocessor_config.json': new URL('../weights/classifier/preprocessor_config.json', import.meta.url).href,
    'model.safetensors': new URL('../weights/classifier/model.safetensors', import.meta.url).href,
  },
  segmentation: {
    'config.json': new URL('../weights/segmentation/config.json', import.meta.url).href,
    'preprocessor_config.json': new URL('../weights/segmentation/preprocessor_config.json', import.meta.url).href,
    'model.safetensors': new URL('../weights/segmentation/model.safetensors', import.meta.url).href,
  },
};

/** Pages, workers, service workers and extensions: no DOM is needed. */
export const browserPlatform: Platform = {
  host: browserHost,
  // Where there are no workers inside (a service worker), the engine runs in the thread itself.
  workerByDefault: typeof Worker === 'function',

  startWorker() {
    if (typeof Worker !== 'function') throw new BeitError('unsupported', 'This thread cannot start workers: leave out worker: true.');
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'beit' });
    const threads: Worker[] = [];
    return {
      post: (message: ToWorker, transfer: Transferable[]) => worker.postMessage(message, transfer),
      listen: (onMessage: (message: FromWorker) => void, onFailure: (reason: string) => void) => {
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          if (data.type === 'thread') threads.push(startThread(data.script, data.port, onFailure));
          else onMessage(data);
        };
        worker.onerror = (event) => onFailure(event.message || 'its script could not be loaded');
        worker.onmessageerror = () => onFailure('a message could not be read');
      },
      terminate: async () => {
        worker.terminate();
        for (const thread of threads) thread.terminate();
      },
    };
  },

  resolveSource: (source, options) => resolveSource(source, options, { base: pageUrl(), http: browserHttp }),

  openCache: openBrowserCache,

  embedded: (name) => new HttpSource({
    kind: 'http',
    label: `the embedded checkpoint "${name}"`,
    base: new URL('.', import.meta.url).href,
    files: EMBEDDED[name],
    headers: {},
    // The page's own file: the server's headers and the page's service worker say how long it is kept.
    cache: false,
  }, browserHttp),

  readImage: (address, signal) => fetchBytes(new URL(address, pageUrl()), signal),
};
