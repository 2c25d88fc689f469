/**
 * engine.js: what the page and its worker have in common, once. The page imports it as a module. As a worker of the name WORKER it hosts
 * an engine: a real file at a real URL, no Blob, so a strict policy may stand, and one that needs nothing beside it, since bundlers move it.
 */
import type { ThreadWorker } from './core/factory.js';
import { hostEngine } from './engine/host.js';
import { HEARTBEAT_MS, WORKER, type FromWorker, type ToWorker } from './engine/protocol.js';
import { browserHost } from './platform/host-browser.js';
import { browserHttp } from './platform/http-browser.js';
import { openDescription } from './sources/resolve.js';

/** The part of DedicatedWorkerGlobalScope that is used: its library cannot be mixed with DOM's. */
interface WorkerScope {
  name: string;
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
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

/** Lets the page know for as long as this worker lives, however busy it is. Of its end there is no event. */
function showLife(): void {
  const { locks } = globalThis.navigator;
  // Who gets the lock after this worker knows that the worker is gone.
  if (locks) {
    const lock = `beit-wasm engine ${performance.timeOrigin} ${Math.random()}`;
    locks
      .request(lock, () => {
        post({ type: 'alive', lock }, []);
        return new Promise(() => undefined);
      })
      .catch(() => undefined);
    return;
  }
  // Only secure contexts have locks. Elsewhere a worker of this worker, which ends with it, is heard in its place; not in
  // Firefox (153), which now and then blocks for ever in a worker that makes a worker.
  if (typeof Worker !== 'function' || /Firefox/.test(globalThis.navigator.userAgent)) return;
  const heart = new Worker(globalThis.location.href, { type: 'module', name: HEART });
  heart.onmessage = ({ ports: [port] }) => {
    if (port) post({ type: 'heart', port }, [port]);
  };
  // Then nothing is heard, and nothing missed.
  heart.onerror = (event) => event.preventDefault();
}

/**
 * Sends something through a port over and over, and gives the other one away. It needs nothing from the worker that made this one:
 * what that posts here waits in Chromium until that has heard that this script has run, so for as long as it is busy.
 */
function beat(): void {
  const { port1, port2 } = new MessageChannel();
  setInterval(() => port1.postMessage(null), HEARTBEAT_MS);
  scope.postMessage(null, [port2]);
}

const HEART = 'beit-wasm heart';
let begun = false;

/** Does what this worker is for, once. */
export function runWorker(): void {
  if (begun) return;
  begun = true;
  if (scope.name === HEART) {
    beat();
    return;
  }
  showLife();
  hostEngine(
    {
      post,
      listen: (onMessage) => {
        scope.onmessage = (event: MessageEvent<ToWorker>) => onMessage(event.data);
      },
      terminate: async () => undefined,
    },
    browserHost,
    (description) => openDescription(description, browserHttp),
    { createThread },
  );
}

/** Pages have names as well, and so have workers of others. */
function runAsNamed(): boolean {
  const named = typeof document === 'undefined' && [WORKER, HEART].includes(scope.name);
  if (named) runWorker();
  return named;
}

/** This file run as it is runs this, since it is exported. tools/bundle.mjs marks it as pure, so bundles of what else is in it leave it out. */
export const runs = runAsNamed();
