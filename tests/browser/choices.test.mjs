// The demo for somebody with a photo: models to choose from, addresses that name them, calls to copy, large downloads.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { config, files, tensors } from '../node/tiny-checkpoint.mjs';
import { startHub } from '../support/hub-server.mjs';
import { BROWSERS, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answerTo, answered, loaded, openTab, part, problemWith, usable } from './support/demo.mjs';
import { root, startServer } from './support/server.mjs';

/** A classifier of 4 x 4 patches that is large enough to be asked about: most of it are neurons. */
function largeCheckpoint() {
  const [layers, neurons] = [6, 262144];
  const list = {};
  for (const [name, { dims, data }] of Object.entries(tensors())) {
    const wide = dims.map((size) => (size === 6 ? neurons : size));
    const values = dims.includes(6) ? new Float32Array(wide.reduce((a, b) => a * b, 1)).fill(1e-4) : data;
    if (!name.includes('.layer.1.')) list[name] = { dims: wide, data: values };
    if (!name.includes('.layer.0.')) continue;
    for (let i = 1; i < layers; ++i) list[name.replace('.layer.0.', `.layer.${i}.`)] = list[name];
  }
  const text = JSON.stringify({ ...config, num_hidden_layers: layers, intermediate_size: neurons });
  return { ...files({ 'config.json': new TextEncoder().encode(text) }), 'model.safetensors': writeSafetensors(list) };
}

const CASE = 'fixtures/golden/models/classify-patch16/';
const textsOf = async (page, tab) => {
  const details = part(tab, 'code');
  await page.$eval(details, (element) => {
    element.open = true;
  });
  await page.waitForFunction((selector) => document.querySelectorAll(`${selector} pre`).length === 2, {}, details);
  return page.$$eval(`${details} pre`, (blocks) => blocks.map((block) => block.textContent));
};

/** Runs code that the page shows, with this repository's library, on a picture. Returns what it has in `name` at its end. */
async function ran(code, picture, name) {
  const folder = mkdtempSync(join(tmpdir(), 'beit-code-'));
  try {
    const own = code
      .replace("'beit-wasm'", JSON.stringify(pathToFileURL(join(root, 'dist/node.js')).href))
      .replace("'beit-wasm-samples'", JSON.stringify(pathToFileURL(join(root, 'packages/beit-wasm-samples/index.js')).href));
    const file = join(folder, 'code.mjs');
    writeFileSync(file, `const picture = ${JSON.stringify(picture)};\n${own}\nexport { ${name} };\n`);
    return (await import(pathToFileURL(file).href))[name];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const name of Object.keys(BROWSERS)) {
  describe(`choices in ${name}`, () => {
    let host;
    let hub;
    let server;
    before(async () => {
      const large = largeCheckpoint();
      hub = await startHub(Object.fromEntries(Object.entries(large).map(([file, bytes]) => [`owner/large/${file}`, Buffer.from(bytes)])));
      [host, server] = await Promise.all([launch(name), startServer({ connect: [hub.url, hub.cdn] })]);
    });
    after(() => Promise.all([host?.close(), server?.stop(), hub?.close()]));

    it('says that the small model knows drawings only, and shows its call, which gives the same under Node', async () => {
      const { page, complaints } = await openPage(host.browser, server.url);
      const labels = await answerTo(page, 'beach');
      assert.match(await page.$eval(part('classify', 'caveat'), (element) => element.innerText), /only knows drawings/);
      const [code, json] = await textsOf(page, 'classify');
      const told = JSON.parse(json);
      assert.deepEqual(
        told.map(({ label }) => label),
        labels.map(({ label }) => label),
      );
      const answers = await ran(code, join(root, 'demo/samples/beach.jpg'), 'labels');
      for (const [i, { label, score }] of answers.entries()) {
        assert.equal(label, told[i].label);
        assert.ok(Math.abs(score - told[i].score) < 1e-3);
      }
      await page.locator(`${part('classify', 'code')} button`).click();
      await page.waitForFunction(
        (selector, text) => document.querySelector(`${selector} button`).textContent === 'Copied' || String(getSelection()) === text,
        {},
        part('classify', 'code'),
        code,
      );
      await openTab(page, 'segment');
      await answered(page, 'segment', 'beach');
      const [segmentCode, segmentJson] = await textsOf(page, 'segment');
      const { legend } = JSON.parse(segmentJson);
      const expected = await ran(segmentCode, join(root, 'demo/samples/beach.jpg'), 'legend');
      assert.deepEqual(
        legend.slice(0, 3).map(({ label }) => label),
        expected.slice(0, 3).map(({ label }) => label),
      );
      await openTab(page, 'mask');
      await answered(page, 'mask', 'beach');
      const [maskCode, maskJson] = await textsOf(page, 'mask');
      assert.match(maskCode, /pipeline\('masked-image-modeling', 'http.*', \{ tokenizer: 'http.*' \}\);/);
      assert.match(maskCode, /predict\(picture, \{ ratio: 0\.4, seed: 1 \}\)/);
      assert.ok(JSON.parse(maskJson).predictions.length > 0);
      await screenshot(page, `demo-${name}-code`);
      await assertClean(page, complaints, server);
      await page.close();
    });

    it('takes model and picture from the address, and keeps what is chosen there', async () => {
      const address = new URL(server.url);
      address.searchParams.set('model', `${server.url}${CASE}`);
      address.searchParams.set('image', 'samples/farm.jpg');
      const { page, complaints } = await openPage(host.browser, address.href);
      await usable(page, 'classify');
      const labels = await answerTo(page, 'farm.jpg');
      assert.equal(await page.$eval(part('classify', 'caveat'), (element) => element.checkVisibility()), false);
      const [code] = await textsOf(page, 'classify');
      assert.ok(code.includes(`pipeline('image-classification', '${server.url}${CASE}')`), code);
      const answers = await ran(code, join(root, 'demo/samples/farm.jpg'), 'labels');
      assert.deepEqual(
        labels.map(({ label }) => label),
        answers.map(({ label }) => label),
      );
      await openTab(page, 'models');
      assert.equal(await page.$$eval('.offers li', (cards) => cards.length), 4);
      await page.locator('.offers li:first-child button').click();
      await page.waitForFunction(() => document.querySelector('.offers li:first-child').ariaCurrent === 'true');
      assert.equal(new URL(await page.url()).searchParams.get('model'), null);
      // That a folder lacks a file is in Chromium's console.
      assert.deepEqual(
        complaints.filter((text) => !text.includes('404')),
        [],
      );
      await page.close();
    });

    it('says what is wrong with the picture of a link', async () => {
      const { page } = await openPage(host.browser, `${server.url}?image=no-such-picture.jpg`);
      await problemWith(page, 'does not have the picture of the link (status 404)');
      await page.close();
    });

    // What an engine tells of the network is put on here, so one is enough.
    if (name === 'chromium')
      it('waits for the network before a download', async () => {
        const { page } = await openPage(host.browser, 'about:blank');
        await page.evaluateOnNewDocument(() => {
          globalThis.online = true;
          Object.defineProperty(Navigator.prototype, 'onLine', { get: () => globalThis.online, configurable: true });
        });
        await page.goto(`${server.url}?worker=false`);
        await answerTo(page, 'beach');
        await openTab(page, 'models');
        hub.network('refusing');
        await page.evaluate((source) => {
          globalThis.online = false;
          document.getElementById('source').value = source;
          document.querySelector('#panel-models button[type="submit"]').click();
        }, `${hub.url}/owner/large/resolve/main/`);
        await page.waitForFunction(() => /Waiting for the network/.test(document.querySelector('#panel-models .busy')?.innerText));
        hub.network('good');
        await page.evaluate(() => {
          globalThis.online = true;
          dispatchEvent(new Event('online'));
        });
        assert.match(await loaded(page), /BeitForImageClassification: the tab Classify uses it/);
        await page.evaluate(async () => (await import(new URL('beit-wasm/dist/index.js', location.href).href)).cache.clear());
        await page.close();
      });

    it('asks before a large download on a metered line, and keeps it as int8', async () => {
      const { page } = await openPage(host.browser, 'about:blank');
      await page.evaluateOnNewDocument(() => {
        Object.defineProperty(Navigator.prototype, 'connection', { value: { saveData: true }, configurable: true });
      });
      const source = `${hub.url}/owner/large/resolve/main/`;
      await page.goto(`${server.url}?model=${encodeURIComponent(source)}`);
      assert.match(await problemWith(page, 'metered', 'models'), /download of \d+(\.\d)? MB/);
      await screenshot(page, `demo-${name}-metered`);
      const fetched = () => hub.requests.filter(({ host: at, path }) => at === 'cdn' && path.endsWith('.safetensors')).length;
      const before = fetched();
      await page.locator('#panel-models .problem button').click();
      // As without the question, to the tab that uses it.
      await page.waitForFunction(() => location.hash === '#classify');
      await openTab(page, 'models');
      const row = `${part('models', 'cached')} li:has(button[aria-label*="owner/large"])`; // others may be kept, too
      await page.waitForFunction((selector) => /weights as int8/.test(document.querySelector(selector)?.innerText), {}, row);
      assert.match(await page.$eval(row, (element) => element.innerText), /^.*owner\/large.*\s+\d\d(\.\d)? MB in 3 files, weights as int8/);
      assert.ok(fetched() > before);
      await openTab(page, 'classify');
      await answerTo(page, 'beach');
      // Kept, it is not asked about, nor fetched.
      hub.network('refusing');
      await page.reload();
      await usable(page, 'classify');
      await answerTo(page, 'beach');
      hub.network('good');
      await openTab(page, 'models');
      await page.locator(`${row} button[aria-label^="Delete"]`).click();
      await page.waitForFunction((selector) => !document.querySelector(selector), {}, row);
      await page.close();
    });
  });
}
