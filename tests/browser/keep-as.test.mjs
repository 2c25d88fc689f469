// Weights that a page keeps as int8, and convert() into the origin's private file system.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startHub } from '../support/hub-server.mjs';
import { BROWSERS, launch, openHarness } from './support/browsers.mjs';
import { root, startServer } from './support/server.mjs';

const folder = join(root, 'weights/embedded/classifier');
const names = ['config.json', 'preprocessor_config.json', 'model.safetensors'];
const checkpoint = Object.fromEntries(names.map((name) => [`owner/name/${name}`, readFileSync(join(folder, name))]));

/** Runs in the page. */
async function classified(source, options) {
  const { pipeline } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const warnings = [];
  const classify = await pipeline('image-classification', source, { ...options, onWarning: ({ message }) => warnings.push(message) });
  const [{ label }] = await classify(new URL('../samples/beach.jpg', location.href).href);
  const { dtype } = classify.model;
  await classify.dispose();
  return { label, dtype, warnings };
}

/** Runs in the page. Returns what a file of the private file system has after a conversion, and what a Blob has after another. */
async function converted(source, options) {
  const { convert, inspect } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const directory = await navigator.storage.getDirectory();
  const to = await directory.getFileHandle('converted.safetensors', { create: true });
  const { bytes, files } = await convert(source, { ...options, dtype: 'f32', to });
  const file = await to.getFile();
  const blob = (await convert(source, { ...options, dtype: 'f32' })).files['model.safetensors'];
  const same = indexedDB.cmp(await file.arrayBuffer(), await blob.arrayBuffer()) === 0;
  const { className } = await inspect({ ...files, 'model.safetensors': file });
  await directory.removeEntry('converted.safetensors');
  return { sizes: [bytes, file.size, blob.size], names: Object.keys(files), same, className };
}

for (const name of Object.keys(BROWSERS)) {
  describe(`weights in another form in ${name}`, () => {
    let host;
    let hub;
    let server;
    before(async () => {
      hub = await startHub(checkpoint);
      [host, server] = await Promise.all([launch(name), startServer({ connect: [hub.url, hub.cdn] })]);
    });
    after(() => Promise.all([host?.close(), server?.stop(), hub?.close()]));

    it('are kept as int8, listed, and used without the network', async () => {
      const { page } = await openHarness(host.browser, `${server.url}tests/sources.html`);
      const options = { host: hub.url, keepAs: 'int8' };
      const expected = { label: 'beach', dtype: 'int8', warnings: [] };
      assert.deepEqual(await page.evaluate(classified, 'owner/name', options), expected);
      const list = await page.evaluate(() => globalThis.harness.list());
      const { form, bytes, originalBytes } = list.find(({ file }) => file === 'model.safetensors');
      assert.equal(list.length, 3);
      assert.deepEqual([form, originalBytes], ['int8', checkpoint['owner/name/model.safetensors'].length]);
      assert.ok(bytes < 0.6 * originalBytes, `${bytes} bytes of F16's ${originalBytes}`);
      hub.network('refusing');
      assert.deepEqual(await page.evaluate(classified, 'owner/name', { ...options, offline: true }), expected);
      hub.network('good');
      await page.close();
    });

    it('are written into a file of the page', async () => {
      const { page } = await openHarness(host.browser, `${server.url}tests/sources.html`);
      const { sizes, names: files, same, className } = await page.evaluate(converted, 'owner/name', { host: hub.url });
      assert.equal(new Set(sizes).size, 1, String(sizes));
      assert.deepEqual([files, same, className], [['config.json', 'preprocessor_config.json'], true, 'BeitForImageClassification']);
      await page.close();
    });
  });
}
