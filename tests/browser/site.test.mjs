// The built site as visitors get it: how many bytes that is, and without a network after the first visit.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildSite } from '../../tools/site.mjs';
import { launch, openPage } from './support/browsers.mjs';
import { answerTo, openTab, part, runtimeOf } from './support/demo.mjs';
import { classInput, giveDrawn } from './support/lessons.mjs';
import { startServer } from './support/server.mjs';

const MOST_WITHOUT_CHECKPOINT = 1.2e6;
const MOST_WITH_CLASSIFIER = 4e6;
const BASE = '/some/folder/';

describe('built site', () => {
  let site;
  let host;
  before(async () => {
    site = await buildSite(mkdtempSync(join(tmpdir(), 'beit-site-')));
    host = await launch('chromium');
  });
  after(async () => {
    await host?.close();
    rmSync(site, { recursive: true, force: true });
  });

  it('answers after so many bytes', async (t) => {
    const server = await startServer({ folders: [['', site]] });
    t.after(() => server.stop()); // else a failure here would keep this process
    const { page, complaints } = await openPage(host.browser, 'about:blank');
    await page.goto(server.url);
    await answerTo(page, 'beach');
    await page.waitForFunction(() => document.querySelectorAll('.sample:enabled').length === 6);
    const sum = (files) => files.reduce((total, { bytes }) => total + bytes, 0);
    const all = sum(server.sent);
    const weights = sum(server.sent.filter(({ path }) => path.endsWith('.safetensors')));
    assert.ok(weights > 2e6);
    assert.ok(all - weights <= MOST_WITHOUT_CHECKPOINT, `${all - weights} bytes without the checkpoint`);
    assert.ok(all <= MOST_WITH_CLASSIFIER, `${all} bytes`);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('works without a network after the first visit, in a sub-folder', async () => {
    const server = await startServer({ folders: [['', site]], base: BASE });
    const { page } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    // The service worker has all that this browser needs.
    await page.waitForFunction(
      async () => {
        const wanted = ['./', 'main.js', 'beit-wasm/dist/engine.js', 'beit-wasm-samples/weights/classifier/model.safetensors'];
        const artefact = `beit-wasm/dist/wasm/beit-${document.getElementById('runtime-build').textContent}.wasm`;
        const found = await Promise.all([...wanted, artefact].map((file) => caches.match(new URL(file, document.baseURI).href)));
        return navigator.serviceWorker.controller !== null && found.every(Boolean);
      },
      { polling: 200 },
    );
    const taught = () =>
      page.waitForFunction((verdict) => document.querySelector(verdict)?.textContent.includes('of 10,'), {}, part('teach', 'verdict'));
    await openTab(page, 'teach');
    for (const [i, kind] of ['round', 'square'].entries()) await giveDrawn(page, classInput(i), { kind, count: 5 });
    await taught();
    await page.waitForFunction((kept) => document.querySelector(kept).textContent === 'Kept on this device.', {}, part('teach', 'kept'));
    await openTab(page, 'classify');
    await server.stop();
    await assert.rejects(fetch(server.url), 'The server has stopped.');
    await page.reload();
    assert.equal((await answerTo(page, 'beach'))[0].label, 'beach');
    for (const tab of ['segment', 'teach', 'mask', 'models', 'benchmark', 'classify']) await openTab(page, tab);
    await page.waitForFunction(() => document.querySelectorAll('#panel-models .slots li').length >= 4);
    await taught();
    await page.close();
  });

  it('has threads from the second visit on, where the server sends no headers for that', async () => {
    const server = await startServer({ folders: [['', site]], isolated: false });
    const { page, complaints } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    assert.equal((await runtimeOf(page)).build, 'simd');
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, { polling: 200 });
    await page.reload();
    assert.equal((await answerTo(page, 'beach'))[0].label, 'beach');
    assert.equal((await runtimeOf(page)).build, 'relaxed-threads');
    assert.deepEqual(complaints, []);
    await page.close();
    await server.stop();
  });

  it('answers in WebKit, with threads', async (t) => {
    const server = await startServer({ folders: [['', site]], base: BASE });
    t.after(() => server.stop());
    const webkit = await launch('webkit');
    t.after(() => webkit.close());
    const { page, complaints } = await openPage(webkit.browser, server.url);
    assert.equal((await answerTo(page, 'beach'))[0].label, 'beach');
    const { build, threads } = await runtimeOf(page);
    assert.equal(build, 'simd-threads');
    assert.ok(threads > 0);
    for (const tab of ['segment', 'teach', 'mask', 'models', 'benchmark', 'classify']) await openTab(page, tab);
    assert.deepEqual(complaints, []);
  });

  it('can be installed', async () => {
    const server = await startServer({ folders: [['', site]], base: BASE });
    const { page } = await openPage(host.browser, server.url);
    const client = await page.createCDPSession();
    const { errors, url } = await client.send('Page.getAppManifest');
    assert.ok(url.endsWith(`${BASE}manifest.webmanifest`));
    assert.deepEqual(errors, []);
    const { installabilityErrors } = await client.send('Page.getInstallabilityErrors');
    // Headless windows are incognito to Chromium, where nothing can be installed.
    assert.deepEqual(
      installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
      [],
    );
    await page.close();
    await server.stop();
  });
});
