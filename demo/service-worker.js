// @ts-check
/**
 * Keeps the page for times without a network, and from the second visit on isolates it, for threads. The network comes first, so that a visitor who has one sees
 * what the server has now; what it answers is kept. buildSite() (tools/site.mjs) fills the first two in.
 */

/** Another for each build of the site: a browser installs a service worker anew when its text differs. */
const VERSION = 'development';

/** What every visit may need, kept at the first. The rest is kept when the page says what it uses. */
const FILES = /** @type {string[]} */ ([]);

const CACHE = 'beit-wasm-page';

/** The part of ServiceWorkerGlobalScope that is used: its library cannot be mixed with DOM's. */
const scope = /** @type {{ registration: { scope: string }, skipWaiting(): Promise<void>, clients: { claim(): Promise<void> },
 *   addEventListener(type: string, listener: (event: any) => void): void }} */ (/** @type {unknown} */ (globalThis));

scope.addEventListener('install', (event) => event.waitUntil(install()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('message', (event) => event.waitUntil(keep(event.data.keep)));
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && request.url.startsWith(scope.registration.scope)) event.respondWith(answer(event));
});

async function install() {
  await keep(FILES);
  const cache = await caches.open(CACHE);
  const mark = new Request(new URL(`version-${VERSION}`, scope.registration.scope));
  // Files of an earlier build have other names where they differ: they are taken away.
  if (!(await cache.match(mark))) {
    const known = new Set(FILES.map((file) => new URL(file, scope.registration.scope).href));
    for (const request of await cache.keys()) {
      if (!known.has(request.url) && !request.url.includes('/beit-wasm/')) await cache.delete(request);
    }
    await cache.put(mark, new Response());
  }
  await scope.skipWaiting();
}

/**
 * Keeps files, each on its own: one that fails does not take the others with it.
 * @param {string[]} files relative to the scope, or URLs
 */
async function keep(files) {
  const cache = await caches.open(CACHE);
  await Promise.allSettled(
    files.map(async (file) => {
      const url = new URL(file, scope.registration.scope).href;
      // What the page has just fetched is in the browser's cache: the server is asked only whether it is still so.
      const response = await fetch(url);
      if (response.ok) await cache.put(url, response);
    }),
  );
}

/** What a browser decides isolation by. */
const DECIDING = ['document', 'worker'];

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Returns the answer with the headers that give a page threads, for servers that do not send them.
 * @param {Response} response
 */
function isolated(response) {
  if (response.status !== 200) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: 200, headers });
}

/** @param {any} event a FetchEvent */
async function answer(event) {
  const { request } = event;
  const response = await fetchOrKept(event);
  return DECIDING.includes(request.destination) ? isolated(response) : response;
}

/**
 * Answers as soon as the server does. The copy is stored beside that: a full quota costs the copy, never the page.
 * @param {any} event a FetchEvent
 */
async function fetchOrKept(event) {
  const { request } = event;
  const url = request.url.replace(/[?#].*$/, '');
  try {
    const response = await fetch(request);
    // A part of a file is not the file.
    if (response.status === 200) event.waitUntil(store(url, response.clone()).catch(() => undefined));
    return response;
  } catch (error) {
    const kept = await caches.match(url, { cacheName: CACHE }).catch(() => undefined);
    if (kept) return kept;
    throw error;
  }
}

/**
 * @param {string} url
 * @param {Response} response
 */
async function store(url, response) {
  const cache = await caches.open(CACHE);
  await cache.put(url, response);
}
