// Downloads, the cache and other kinds of threads, in real browsers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { files, tensors } from '../node/tiny-checkpoint.mjs';
import { startHub } from '../support/hub-server.mjs';
import { BROWSERS, harnessIn, launch, openHarness } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { startServer } from './support/server.mjs';

const SAMPLE = '../samples/beach.jpg';
const WEIGHTS = 'owner/name/model.safetensors';
const EXTRA = 6_000_000;

/** Asserts that logits agree, of whichever build. */
function assertNear(result, logits, what = result.message) {
  assert.equal(result.logits?.length, logits.length, what);
  for (const [i, value] of logits.entries())
    assert.ok(Math.abs(result.logits[i] - value) < 1e-5, `${what}: ${result.logits[i]} and ${value}`);
}

// Large enough for the private file system; what makes it large no model asks for.
const large = () =>
  writeSafetensors({ ...tensors(), unasked: { dims: [EXTRA / 4], data: Float32Array.from({ length: EXTRA / 4 }, (_, i) => i) } });
const checkpoint = { 'owner/name/config.json': files()['config.json'], [WEIGHTS]: large() };

for (const name of Object.keys(BROWSERS)) {
  describe(`sources in ${name}`, () => {
    let host;
    before(async () => {
      host = await launch(name);
    });
    after(() => host?.close());

    async function withPage({ isolated = true, clean = true }, work) {
      const hub = await startHub(Object.fromEntries(Object.entries(checkpoint).map(([path, bytes]) => [path, Buffer.from(bytes)])));
      const server = await startServer({ isolated, connect: [hub.url, hub.cdn] });
      try {
        const { page, complaints } = await openHarness(host.browser, `${server.url}tests/sources.html`);
        try {
          const call = (method, ...args) => page.evaluate((wanted, given) => globalThis.harness[wanted](...given), method, args);
          await work({ call, hub, page, server, options: { host: hub.url, retry: { delay: 5 } } });
          if (clean) await assertClean(page, complaints, server);
        } finally {
          await page.close();
        }
      } finally {
        await server.stop();
        await hub.close();
      }
    }

    it('resumes ten cuts, keeps the file, and loads it offline', async () => {
      await withPage({ clean: false }, async ({ call, hub, options }) => {
        const size = checkpoint[WEIGHTS].length;
        hub.fail(WEIGHTS, { cuts: [5, 8, 100, 1000, 5000, 1_000_000, 2_000_001, 3_000_000, size - 100, size - 1] });
        const first = await call('load', 'owner/name', options);
        assert.deepEqual([first.code, first.warnings], [undefined, []], first.message);
        assert.deepEqual([first.phases.at(-1), first.phases.includes('weights')], ['ready', true]);
        assert.ok(
          hub.requests.every(({ method }) => method === 'GET'),
          'no preflight',
        );
        assert.equal(hub.requests.filter(({ path, host: at }) => at === 'cdn' && path.endsWith('model.safetensors')).length, 11);
        const kept = await call('list');
        assert.deepEqual(kept.map(({ file, bytes, sha256 }) => [file, bytes, sha256]).sort(), [
          ['config.json', checkpoint['owner/name/config.json'].length, ''],
          ['model.safetensors', size, hub.sha256(WEIGHTS)],
        ]);
        assert.equal((await call('dataFiles')).length, 1, 'the large one is in the private file system');
        hub.fail(WEIGHTS, { stall: 10 });
        const second = await call('load', 'owner/name', options);
        assertNear(second, first.logits);
        await hub.close();
        for (const worker of [true, false]) {
          const offline = await call('load', 'owner/name', { ...options, offline: true, worker });
          assertNear(offline, first.logits);
        }
        const gone = await call('load', 'owner/name', { ...options, retry: { attempts: 0 } });
        assertNear(gone, first.logits);
        assert.equal(await call('delete', 'owner/name'), 2);
        assert.deepEqual([await call('list'), await call('dataFiles')], [[], []]);
        assert.equal((await call('load', 'owner/name', { ...options, offline: true })).code, 'not-found');
      });
    });

    it('keeps nothing of what is stopped, wrong or has no room', async () => {
      await withPage({ clean: false }, async ({ call, hub, options }) => {
        hub.fail(WEIGHTS, { pause: 20 });
        const stopped = await call('stop', 'owner/name', options, 1);
        assert.equal(stopped.reason, 'The test stopped it.');
        assert.deepEqual(stopped.kept, ['config.json']);
        hub.fail(WEIGHTS, { flip: checkpoint[WEIGHTS].length - 3 });
        for (const worker of [true, false]) {
          for (const what of ['sums', 'asterisks', 'pointers']) {
            hub.tell(what);
            const wrong = await call('load', 'owner/name', { ...options, worker });
            assert.equal(wrong.code, 'corrupt', `${what}: ${wrong.message}`);
          }
        }
        assert.deepEqual([(await call('list')).length, await call('dataFiles')], [1, []]);
        hub.fail(WEIGHTS);
        hub.tell('nothing');
        const { warnings, logits, message } = await call('loadWithoutRoom', 'owner/name', options);
        assert.deepEqual(warnings, ['quota'], message);
        assert.equal(logits.length, 3);
        await call('clear');
        assert.deepEqual(await call('list'), []);
        const uncached = await call('load', 'owner/name', { ...options, cache: false });
        assertNear(uncached, logits);
        assert.deepEqual(await call('list'), []);
      });
    });

    it('takes drops, folders, Blobs and streams', async () => {
      await withPage({}, async ({ call, hub }) => {
        const results = Object.entries(await call('loadHeld', hub.url));
        assert.equal(results.length, 6);
        for (const [kind, result] of results) assertNear(result, results[0][1].logits ?? [], `${kind}: ${JSON.stringify(result)}`);
      });
    });

    it('becomes isolated by the service worker, and has threads then', async () => {
      await withPage({ isolated: false }, async ({ call, page }) => {
        assert.equal((await call('classify', SAMPLE)).info.threads, 1);
        // A copy in another folder than the page's would serve others only.
        assert.equal(await call('isolate', '../beit-wasm/dist/isolation-worker.js'), 'unavailable');
        const [state] = await Promise.all([call('isolate').catch(() => 'reloading'), page.waitForNavigation()]);
        assert.equal(state, 'reloading');
        await harnessIn(page);
        const { labels, info, isolated } = await call('classify', SAMPLE, { threads: 2 });
        assert.deepEqual([isolated, info.threads, labels.length], [true, 2, 5]);
        assert.equal(await call('isolate'), 'isolated');
        await page.evaluate(async () => {
          for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
        });
      });
    });

    it('runs in a worker without one of its own, and in a service worker', async () => {
      await withPage({}, async ({ call }) => {
        const { labels } = await call('classify', SAMPLE);
        const plain = await call('classifyInWorker', SAMPLE);
        assert.equal(plain.error, undefined);
        assert.deepEqual([plain.info.worker, plain.labels[0].label], [false, labels[0].label]);
        const service = await call('classifyInServiceWorker', SAMPLE);
        assert.equal(service.error, undefined);
        assert.deepEqual([service.info.worker, service.info.build, service.labels[0].label], [false, 'simd', labels[0].label]);
        assert.match(service.info.reason, /service worker cannot start threads|not cross-origin isolated/);
      });
    });

    it('takes a bitmap over on request only', async () => {
      await withPage({}, async ({ call }) => {
        for (const worker of [true, false]) {
          const { labels, widths } = await call('classifyBitmaps', SAMPLE, { worker });
          assert.deepEqual(widths, [0, true]);
          assert.deepEqual(labels[0], labels[1]);
        }
      });
    });
  });
}
