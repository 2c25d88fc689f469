import { BeitError } from './errors.js';
import { browserHost } from './host-browser.js';
import type { Platform } from './platform.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { resolveSource } from './resolve-source.js';
import { fetchBytes, HttpSource } from './source-http.js';

function pageUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/** Pages, workers, service workers and extensions: no DOM is needed. */
export const browserPlatform: Platform = {
  host: browserHost,
  // Where there are no workers inside (a service worker), the engine runs in the thread itself.
  workerByDefault: typeof Worker === 'function',

  startWorker() {
    if (typeof Worker !== 'function') throw new BeitError('unsupported', 'This thread cannot start workers: leave out worker: true.');
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'beit' });
    return {
      post: (message: ToWorker, transfer: Transferable[]) => worker.postMessage(message, transfer),
      listen: (onMessage: (message: FromWorker) => void, onFailure: (reason: string) => void) => {
        worker.onmessage = (event: MessageEvent<FromWorker>) => onMessage(event.data);
        worker.onerror = (event) => onFailure(event.message || 'its script could not be loaded');
        worker.onmessageerror = () => onFailure('a message could not be read');
      },
      terminate: async () => worker.terminate(),
    };
  },

  resolveSource: (source, options) => resolveSource(source, options, pageUrl()),

  embedded: () => new HttpSource({
    kind: 'http',
    label: 'the embedded classifier',
    base: new URL('.', import.meta.url).href,
    // Written out, since bundlers find the files that they must carry by this very form.
    files: {
      'config.json': new URL('../weights/classifier/config.json', import.meta.url).href,
      'preprocessor_config.json': new URL('../weights/classifier/preprocessor_config.json', import.meta.url).href,
      'model.safetensors': new URL('../weights/classifier/model.safetensors', import.meta.url).href,
    },
    headers: {},
  }),

  readImage: (address, signal) => fetchBytes(new URL(address, pageUrl()), signal),
};
