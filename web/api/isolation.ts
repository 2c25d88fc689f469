/** Cross-origin isolation, and so threads, on a host that cannot send headers. */

const TRIED = 'beit-wasm isolation';

/**
 * Makes this page cross-origin isolated by registering the service worker at `script`, a copy of this
 * package's isolation-worker.js, and loading the page once more. The copy lies in a folder that holds
 * the page and this library (or in the root): a service worker serves what lies below itself.
 * Call it before anything else. Returns `isolated`; `reloading`, after which nothing needs to be begun;
 * or `unavailable`, with which everything works on one thread: no service workers, no secure context,
 * a copy in a folder that does not hold the page, or a browser that did not isolate the page for it.
 * @example
 * ```js
 * import { isolatePage } from 'beit-wasm';
 *
 * if ((await isolatePage('isolation-worker.js')) !== 'reloading') console.log(crossOriginIsolated);
 * ```
 */
export async function isolatePage(script: string | URL): Promise<'isolated' | 'reloading' | 'unavailable'> {
  if (globalThis.crossOriginIsolated) return 'isolated';
  if (typeof document === 'undefined' || !globalThis.isSecureContext || !('serviceWorker' in navigator)) return 'unavailable';
  try {
    const registration = await navigator.serviceWorker.register(script);
    // Of a worker that serves other pages than this one, or that cannot start, the browser would never say that it is ready.
    if (!location.href.startsWith(registration.scope)) return 'unavailable';
    await Promise.race([navigator.serviceWorker.ready, failureOf(registration)]);
    // Once: a page that is framed, or a browser that knows no better, would load for ever.
    if (sessionStorage.getItem(TRIED) !== null) return 'unavailable';
    sessionStorage.setItem(TRIED, location.href);
  } catch {
    return 'unavailable';
  }
  location.reload();
  return 'reloading';
}

/** Rejects when the worker that is being installed is given up. */
async function failureOf({ installing }: ServiceWorkerRegistration): Promise<never> {
  return new Promise((_, reject) => {
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'redundant') reject(new Error('the service worker was given up'));
    });
  });
}
