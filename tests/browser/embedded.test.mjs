// The page's own checkpoints on the tabs Segment and Mask, held against the library under Node.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { blockMask, pipeline } from '../../dist/node.js';
import { buildSite } from '../../tools/site.mjs';
import { ENGINES, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answerTo, answered, openTab, part } from './support/demo.mjs';
import { root, startServer } from './support/server.mjs';

const sample = (name) => join(root, 'demo', 'samples', `${name}.jpg`);
const weights = (name) => join(root, 'weights/embedded', name);
const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** What the tab Mask begins with: 40 % hidden, the first seed. */
const RATIO = 0.4;
const SEED = 1;

/** What the library says under Node. */
let expected;
let segmented;

before(async () => {
  const predict = await pipeline('masked-image-modeling', weights('masked-image-modeling'), { tokenizer: weights('tokenizer') });
  const { height, width } = predict.model.config.imageSize;
  const { height: patch } = predict.model.config.patchSize;
  const mask = blockMask({ height: height / patch, width: width / patch, ratio: RATIO, seed: SEED });
  expected = await predict(sample('beach'), { mask });
  await predict.dispose();
  const segment = await pipeline('image-segmentation');
  segmented = await segment(sample('beach'));
  await segment.dispose();
});

/** Shares of the labels, to what the page shows of them (with capitals): builds may differ in a pixel. */
async function assertSegmented(page) {
  const shown = await page.$$eval('#panel-segment .entry', (entries) =>
    entries.map((entry) =>
      entry.innerText
        .toLowerCase()
        .split('\n')
        .map((text) => text.trim()),
    ),
  );
  const wanted = segmented.legend.filter(({ share }) => share > 0.002);
  for (const { label, share } of wanted) {
    const [, text] = shown.find(([name]) => name === label) ?? assert.fail(`${label} is not in ${JSON.stringify(shown)}`);
    assert.ok(Math.abs(Number(/[\d.]+/.exec(text)[0]) - share * 100) < 0.3, `${label}: ${text}, under Node ${percent(share)}`);
  }
  for (const label of ['sky', 'water', 'sand'])
    assert.ok(
      wanted.some((entry) => entry.label === label),
      `a beach has ${label}: ${JSON.stringify(wanted)}`,
    );
}

async function assertMasked(page) {
  const { predictions, mask, accuracy } = expected;
  const facts = await page.$eval(part('mask', 'mask-facts'), (element) => element.innerText);
  assert.match(facts, new RegExp(`Hidden\\s*${predictions.length} of ${mask.data.length} patches`));
  const right = Number(/Right tokens\s*([\d.]+) %/.exec(facts)[1]);
  // One token of them may be another where two were as likely.
  assert.ok(Math.abs(right - accuracy * 100) <= 100 / predictions.length + 0.1, `${right} %, under Node ${percent(accuracy)}`);
  assert.equal(await page.$$eval('#panel-mask figure', (figures) => figures.length), 3);
}

for (const name of ENGINES) {
  describe(`embedded checkpoints in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer()]);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    it('tells what is where as under Node', async () => {
      const { page, complaints } = await openPage(host.browser, `${server.url}#segment`);
      await answered(page, 'segment', 'beach');
      await assertSegmented(page);
      await screenshot(page, `demo-${name}-segment-own`);
      await assertClean(page, complaints, server);
      await page.close();
    });

    it('guesses what is hidden as under Node, and draws it', async () => {
      const { page, complaints } = await openPage(host.browser, `${server.url}#mask`);
      await answered(page, 'mask', 'beach');
      await assertMasked(page);
      await screenshot(page, `demo-${name}-mask-own`);
      await openTab(page, 'models');
      const slots = await page.$$eval('#panel-models [data-part="slots"] li', (rows) =>
        rows.map((row) => row.innerText.split('\n').filter(Boolean).slice(0, 2).join(': ')),
      );
      assert.match(slots[2], /^Mask: The one that comes with this page, ready/);
      assert.match(slots[3], /^Tokenizer \(Mask\): The one that comes with this page, ready/);
      await assertClean(page, complaints, server);
      await page.close();
    });
  });
}

it('all that a visitor has used works without a network', async () => {
  const site = await buildSite(mkdtempSync(join(tmpdir(), 'beit-site-')));
  const server = await startServer({ folders: [['', site]], base: '/some/folder/' });
  const host = await launch('chromium');
  try {
    const { page } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    await openTab(page, 'segment');
    await answered(page, 'segment', 'beach');
    await openTab(page, 'mask');
    await answered(page, 'mask', 'beach');
    await page.waitForFunction(
      async () => {
        const own = ['masked-image-modeling/model', 'tokenizer/encoder', 'tokenizer/decoder'].map(
          (file) => `beit-wasm/weights/embedded/${file}`,
        );
        const files = [...own, ...['classifier', 'segmentation'].map((name) => `beit-wasm-samples/weights/${name}/model`)];
        const kept = await Promise.all(files.map((file) => caches.match(new URL(`${file}.safetensors`, document.baseURI).href)));
        return navigator.serviceWorker.controller !== null && kept.every(Boolean);
      },
      { polling: 200 },
    );
    await server.stop();
    await page.goto('about:blank');
    await page.goto(server.url);
    await answerTo(page, 'beach');
    await openTab(page, 'segment');
    await answered(page, 'segment', 'beach');
    await assertSegmented(page);
    await openTab(page, 'mask');
    await answered(page, 'mask', 'beach');
    await assertMasked(page);
  } finally {
    await host.close();
    await server.stop();
    rmSync(site, { recursive: true, force: true });
  }
});
