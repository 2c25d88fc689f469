/**
 * A service worker for hosts that cannot send headers: pages of its folder become cross-origin
 * isolated, which threads ask for. A page registers its own copy through isolatePage() (api/isolation.ts).
 * A plain script, without imports: it may be registered everywhere, or taken in by importScripts().
 * Only documents and workers are answered, since only their headers count.
 */
{
  /** The part of ServiceWorkerGlobalScope that is used: its library cannot be mixed with DOM's. */
  interface Scope {
    addEventListener(type: 'install' | 'activate' | 'fetch', listener: (event: ScopeEvent) => void): void;
    skipWaiting(): Promise<void>;
    clients: { claim(): Promise<void> };
  }
  interface ScopeEvent {
    request: Request;
    waitUntil(work: Promise<unknown>): void;
    respondWith(response: Promise<Response>): void;
  }

  const NEEDED = ['document', 'iframe', 'frame', 'worker', 'sharedworker'];
  const scope = globalThis as unknown as Scope;

  const isolated = (response: Response): Response => {
    // A redirect that the browser follows by itself, or an answer of another origin: not to be changed.
    if (response.status === 0) return response;
    const headers = new Headers(response.headers);
    headers.set('Cross-Origin-Opener-Policy', 'same-origin');
    headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
    headers.set('Cross-Origin-Resource-Policy', 'same-origin');
    const { status, statusText } = response;
    return new Response([101, 204, 205, 304].includes(status) ? null : response.body, { status, statusText, headers });
  };

  scope.addEventListener('install', () => void scope.skipWaiting());
  scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
  scope.addEventListener('fetch', (event) => {
    const { request } = event;
    const own = new URL(request.url).origin === location.origin;
    if (own && NEEDED.includes(request.destination)) event.respondWith(fetch(request).then(isolated));
  });
}
