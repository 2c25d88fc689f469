/** Entry of a page's worker. A real file at a real URL: no Blob, so a strict policy may stand. */
import { browserHost } from './host-browser.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { openDescription } from './resolve-source.js';
import { hostEngine } from './worker-host.js';

/** The part of DedicatedWorkerGlobalScope that is used: its library cannot be mixed with DOM's. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

hostEngine({
  post: (message: FromWorker, transfer) => scope.postMessage(message, transfer),
  listen: (onMessage) => {
    scope.onmessage = (event) => onMessage(event.data);
  },
  terminate: async () => undefined,
}, browserHost, openDescription);
