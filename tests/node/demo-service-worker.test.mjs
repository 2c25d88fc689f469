// The demo's service worker, run with a cache and a server that misbehave.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { runInNewContext } from 'node:vm';

const TEXT = readFileSync(new URL('../../demo/service-worker.js', import.meta.url), 'utf8');
const SCOPE = 'https://site.example/';

/** Returns handle(url) → { answer, settled() } of a worker whose cache and network are these. */
function workerWith({ cache, fetch }) {
  const listeners = new Map();
  const caches = { open: async () => cache, match: (url) => cache.match(url) };
  const registration = { scope: SCOPE };
  runInNewContext(TEXT, {
    caches,
    fetch,
    Headers,
    Response,
    Request,
    URL,
    registration,
    skipWaiting: async () => {},
    clients: { claim: async () => {} },
    addEventListener: (type, listener) => listeners.set(type, listener),
  });
  return (url) => {
    const waits = [];
    let answer;
    listeners.get('fetch')({
      request: { method: 'GET', url, destination: '' },
      respondWith: (promise) => {
        answer = promise;
      },
      waitUntil: (promise) => waits.push(promise),
    });
    return { answer, settled: () => Promise.all(waits) };
  };
}

test('a full quota costs the copy, not the page', async () => {
  const full = {
    put: async () => {
      throw new DOMException('full', 'QuotaExceededError');
    },
    match: async () => undefined,
  };
  const handle = workerWith({ cache: full, fetch: async () => new Response('the page') });
  const { answer, settled } = handle(`${SCOPE}index.html`);
  assert.equal(await (await answer).text(), 'the page');
  await settled();
});

test('an answer is passed on before its copy is stored', async () => {
  let stored;
  const kept = [];
  const slow = {
    put: (url) =>
      new Promise((resolve) => {
        stored = () => {
          kept.push(url);
          resolve();
        };
      }),
    match: async () => undefined,
  };
  const handle = workerWith({ cache: slow, fetch: async () => new Response('a file') });
  const { answer, settled } = handle(`${SCOPE}a.js?v=1`);
  assert.equal(await (await answer).text(), 'a file');
  assert.deepEqual(kept, []);
  stored();
  await settled();
  assert.deepEqual(kept, [`${SCOPE}a.js`]);
});

test("without a network the copy answers, and without a copy the network's error", async () => {
  const cache = { put: async () => {}, match: async (url) => (url === `${SCOPE}a.js` ? new Response('kept') : undefined) };
  const handle = workerWith({
    cache,
    fetch: async () => {
      throw new TypeError('no network');
    },
  });
  assert.equal(await (await handle(`${SCOPE}a.js`).answer).text(), 'kept');
  await assert.rejects(handle(`${SCOPE}b.js`).answer, /no network/);
});
