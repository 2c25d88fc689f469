// What is kept of downloads, among the tabs of a browser: one download, gone on with by whoever comes, and used without a network.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { files, tensors } from '../node/tiny-checkpoint.mjs';
import { startHub } from '../support/hub-server.mjs';
import { BROWSERS, launch, openHarness } from './support/browsers.mjs';
import { startServer } from './support/server.mjs';

const WEIGHTS = 'owner/name/model.safetensors';
const EXTRA = 8_000_000;
const CUT = 6_000_000;

const large = () =>
  writeSafetensors({ ...tensors(), unasked: { dims: [EXTRA / 4], data: Float32Array.from({ length: EXTRA / 4 }, (_, i) => i) } });
const checkpoint = { 'owner/name/config.json': Buffer.from(files()['config.json']), [WEIGHTS]: Buffer.from(large()) };

/** Calls `work` with a hub, a way to open tabs, and the options of a load. */
async function withTabs(browser, work) {
  const hub = await startHub(checkpoint);
  const server = await startServer({ isolated: true, connect: [hub.url, hub.cdn] });
  const pages = [];
  const openTab = async () => {
    const { page } = await openHarness(browser, `${server.url}tests/sources.html`);
    pages.push(page);
    const call = (method, ...args) => page.evaluate((wanted, given) => globalThis.harness[wanted](...given), method, args);
    return { page, call };
  };
  const starts = () =>
    hub.requests
      .filter(({ host, path, method }) => host === 'cdn' && path.endsWith('model.safetensors') && method === 'GET')
      .map(({ range }) => Number(/\d+/.exec(range)?.[0]));
  try {
    await work({ hub, openTab, starts, options: { host: hub.url, retry: { attempts: 1, delay: 5 } } });
  } finally {
    for (const page of pages) if (!page.isClosed()) await page.close();
    await server.stop();
    await hub.close();
  }
}

const loaded = (result, what = '') => assert.equal(result.logits?.length, 3, `${what} ${JSON.stringify(result)}`);

for (const name of Object.keys(BROWSERS)) {
  describe(`the cache in ${name}`, () => {
    let host;
    before(async () => {
      host = await launch(name);
    });
    after(() => host?.close());

    for (const worker of [true, false]) {
      it(`goes on in another tab with what was cut at 6 of 8 MB, ${worker ? 'in the worker' : 'in the page'}`, async () => {
        await withTabs(host.browser, async ({ hub, openTab, starts, options }) => {
          // More than the tries that get on: a browser that loses bytes with their connection gets on by less than was sent.
          hub.fail(WEIGHTS, { cuts: Array(99).fill(CUT) });
          const first = await openTab();
          const patient = { ...options, worker, retry: { attempts: 5, delay: 5 } };
          assert.equal((await first.call('load', 'owner/name', patient)).code, 'network');
          assert.equal((await first.call('dataFiles')).length, 1);
          await first.page.close();
          hub.fail(WEIGHTS);
          hub.requests.length = 0;
          const second = await openTab();
          const result = await second.call('load', 'owner/name', { ...options, worker });
          loaded(result);
          assert.deepEqual([starts(), result.warnings], [[CUT], []]);
          const kept = (await second.call('list')).find(({ file }) => file === 'model.safetensors');
          assert.deepEqual([kept.bytes, kept.sha256], [checkpoint[WEIGHTS].length, hub.sha256(WEIGHTS)]);
          assert.equal((await second.call('dataFiles')).length, 1);
          loaded(await second.call('load', 'owner/name', { ...options, worker, offline: true }));
          await second.call('clear');
          assert.deepEqual(await second.call('dataFiles'), []);
        });
      });
    }

    it('goes on with what a tab has left that was closed', async () => {
      await withTabs(host.browser, async ({ hub, openTab, starts, options }) => {
        hub.fail(WEIGHTS, { stall: CUT });
        const first = await openTab();
        await first.page.evaluate((given) => void globalThis.harness.load('owner/name', given), options);
        const watcher = await openTab();
        for (let bytes = 0; bytes < CUT; ) {
          bytes = await watcher.page.evaluate(async () => {
            const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('beit-wasm', { create: true });
            let size = 0;
            for await (const handle of folder.values()) size += (await handle.getFile()).size;
            return size;
          });
        }
        await first.page.close();
        hub.fail(WEIGHTS);
        hub.requests.length = 0;
        loaded(await watcher.call('load', 'owner/name', options));
        assert.deepEqual(starts(), [CUT]);
        await watcher.call('clear');
      });
    });

    it('fetches once for two tabs at once', async () => {
      await withTabs(host.browser, async ({ hub, openTab, starts, options }) => {
        hub.fail(WEIGHTS, { pause: 30 });
        const tabs = [await openTab(), await openTab()];
        const results = await Promise.all(tabs.map(({ call }) => call('load', 'owner/name', options)));
        for (const result of results) loaded(result);
        assert.deepEqual(starts(), [0]);
        assert.equal((await tabs[0].call('dataFiles')).length, 1);
        await tabs[0].call('clear');
      });
    });

    it('has a file read by many at once, taken away from none of them, and held by nobody who was ended', async () => {
      await withTabs(host.browser, async ({ hub, openTab, options }) => {
        const tabs = [await openTab(), await openTab()];
        const [{ call }, other] = tabs;
        loaded(await call('load', 'owner/name', options));
        const { url } = (await call('list')).find(({ file }) => file === 'model.safetensors');
        // Of the two only Chromium has handles beside which others can read.
        const way = name === 'chromium' ? 'handle' : 'blob';
        assert.deepEqual(
          [await call('openReader', url), await call('openReader', url), await other.call('openReader', url)],
          Array(3).fill(way),
        );
        const sum = hub.sha256(WEIGHTS);
        const sums = () => Promise.all([call('askReader', 0, 'sum'), call('askReader', 1, 'sum'), other.call('askReader', 0, 'sum')]);
        assert.deepEqual(await sums(), [sum, sum, sum]);
        hub.network('refusing');
        for (const result of await Promise.all(tabs.map((tab) => tab.call('load', 'owner/name', options)))) loaded(result);
        hub.network('good');
        await call('clear');
        assert.deepEqual([(await call('dataFiles')).length, await call('list')], [1, []]);
        assert.deepEqual(await sums(), [sum, sum, sum]);
        loaded(await call('load', 'owner/name', options));
        assert.equal((await call('dataFiles')).length, 2);
        await call('askReader', 0, 'close');
        await call('endReader', 1);
        await other.page.close();
        assert.deepEqual(await call('clearAfterReaders'), []);
      });
    });

    it('is read again after a load from it was stopped, or its worker ended', async () => {
      await withTabs(host.browser, async ({ hub, openTab, options }) => {
        const { call } = await openTab();
        loaded(await call('load', 'owner/name', options));
        hub.network('refusing');
        for (let round = 0; round < 2; ++round) {
          const { code, message } = await call('loadAndEnd', 'owner/name', options);
          assert.equal(code, 'disposed', message);
          assert.match((await call('stop', 'owner/name', options, 0)).reason, /The test stopped it/);
          loaded(await call('load', 'owner/name', options));
        }
        // While the engine starts, too, beside which the files are opened.
        for (const milliseconds of [0, 5, 10, 20, 40, 60, 80]) {
          const { reason, ...result } = await call('stopAfter', 'owner/name', options, milliseconds);
          if (reason === undefined) loaded(result, `after ${milliseconds} ms`);
          else assert.match(reason, /The test stopped it/, `after ${milliseconds} ms`);
        }
        loaded(await call('load', 'owner/name', options));
        assert.deepEqual(await call('clearAfterReaders'), []);
      });
    });

    it('is not taken away as what a download has left, where that ended before it could say that nothing is', async () => {
      await withTabs(host.browser, async ({ hub, openTab, options }) => {
        const { page, call } = await openTab();
        loaded(await call('load', 'owner/name', options));
        await page.evaluate(async () => {
          const [records, parts] = await Promise.all(['beit-wasm', 'beit-wasm-parts'].map((store) => caches.open(store)));
          for (const request of await records.keys()) {
            const record = JSON.parse(decodeURIComponent((await records.match(request)).headers.get('x-beit-record')));
            const long = { ...record, saved: '2020-01-01T00:00:00.000Z' };
            const headers = { 'x-beit-record': encodeURIComponent(JSON.stringify(long)) };
            if (record.data) await parts.put(request, new Response(null, { headers }));
          }
        });
        // The first request of a tab to keep something takes away what nobody will ask for.
        const tab = await openTab();
        assert.ok((await tab.call('load', `${hub.cdn}/owner/absent/`, options)).code);
        assert.equal((await call('dataFiles')).length, 1);
        loaded(await call('load', 'owner/name', { ...options, offline: true }));
        await call('clear');
      });
    });

    it('does without a network that is silent, or wants a login', async () => {
      await withTabs(host.browser, async ({ hub, openTab, options }) => {
        const { call } = await openTab();
        loaded(await call('load', 'owner/name', options));
        for (const kind of ['silent', 'portal', 'refusing']) {
          hub.network(kind);
          for (const revalidate of ['background', 'first']) loaded(await call('load', 'owner/name', { ...options, revalidate }), kind);
        }
        await call('clear');
      });
    });

    it('keeps where the browser does not tell how much room there is, and tells once where there is none', async () => {
      await withTabs(host.browser, async ({ openTab, options }) => {
        const { call } = await openTab();
        const unknown = await call('loadWithoutEstimate', 'owner/name', options);
        loaded(unknown);
        assert.deepEqual(unknown.warnings, []);
        assert.equal((await call('list')).length, 2);
        await call('clear');
        const full = await call('loadWithoutRoom', 'owner/name', options);
        loaded(full);
        assert.deepEqual(full.warnings, ['quota']);
        await call('clear');
      });
    });
  });
}

// What a driver opens of WebKit is a private window, of which its store of files knows nothing.
for (const [name, prefs] of [
  ['firefox', { 'browser.privatebrowsing.autostart': true }],
  ['webkit', {}],
]) {
  describe(`private windows of ${name}`, () => {
    it('keep no weights, load nevertheless, and say so once', async () => {
      const host = await launch(name, [], prefs);
      try {
        await withTabs(host.browser, async ({ openTab, options }) => {
          const { call } = await openTab();
          for (const worker of [true, false]) {
            const result = await call('load', 'owner/name', { ...options, worker });
            loaded(result);
            assert.deepEqual(result.warnings, ['io']);
            const kept = (await call('list')).map(({ file }) => file);
            if (name === 'firefox') assert.deepEqual(kept, ['config.json']);
            assert.ok(!kept.includes('model.safetensors')); // what WebKit has in its memory goes with a worker
          }
        });
      } finally {
        await host.close();
      }
    });
  });
}

describe('a full disk of chromium', () => {
  it('is told once, and the load goes on', async () => {
    const host = await launch('chromium');
    try {
      await withTabs(host.browser, async ({ openTab, options }) => {
        const { page, call } = await openTab();
        const session = await page.createCDPSession();
        await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize: 3_000_000 });
        for (const worker of [true, false]) {
          const result = await call('load', 'owner/name', { ...options, worker });
          loaded(result);
          assert.deepEqual([result.warnings, (await call('dataFiles')).length], [['quota'], 0]);
        }
      });
    } finally {
      await host.close();
    }
  });
});
