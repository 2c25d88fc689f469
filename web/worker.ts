/** Entry of a page's worker. A real file at a real URL: no Blob, so a strict policy may stand. */
import type { ThreadWorker } from './core/factory.js';
import { hostEngine } from './engine/host.js';
import type { FromWorker, ToWorker } from './engine/protocol.js';
import { browserHost } from './platform/host-browser.js';
import { browserHttp } from './platform/http-browser.js';
import { openDescription } from './sources/resolve.js';

/** The part of DedicatedWorkerGlobalScope that is used: its library cannot be mixed with DOM's. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

const post = (message: FromWorker, transfer: Transferable[]): void => scope.postMessage(message, transfer);

/** Has the page start a thread; what is posted before it runs waits in the port. */
function createThread(script: string): ThreadWorker {
  const { port1, port2 } = new MessageChannel();
  post({ type: 'thread', script, port: port2 }, [port2]);
  return {
    postMessage: (message, transfer = []) => port1.postMessage(message, transfer),
    get onmessage() {
      return port1.onmessage;
    },
    set onmessage(handler) {
      port1.onmessage = handler;
    },
    // The page tells the engine of errors, and ends the worker with the engine.
    onerror: null,
    terminate: () => port1.close(),
  };
}

// Held for as long as this worker lives: who gets it after that knows that the worker is gone. Only secure contexts have locks.
const lock = `beit-wasm engine ${performance.timeOrigin} ${Math.random()}`;
globalThis.navigator.locks?.request(lock, () => {
  post({ type: 'alive', lock }, []);
  return new Promise(() => undefined);
}).catch(() => undefined);

hostEngine({
  post,
  listen: (onMessage) => {
    scope.onmessage = (event) => onMessage(event.data);
  },
  terminate: async () => undefined,
}, browserHost, (description) => openDescription(description, browserHttp), createThread);
