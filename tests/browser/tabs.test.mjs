// Every tab of the demo, end to end, with the embedded classifier and tiny checkpoints that a server has.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pipeline } from '../../dist/node.js';
import { maskedFiles } from '../node/tiny-checkpoint.mjs';
import { BROWSERS, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import {
  answerTo,
  answered,
  clickSample,
  loadCheckpoint,
  loaded,
  openTab,
  part,
  problemWith,
  usable,
  withoutOwn,
} from './support/demo.mjs';
import { FOLDERS, root, startServer } from './support/server.mjs';

const GOLDEN = join(root, 'tests', 'fixtures', 'golden');
const SEGMENT = 'models/segment-aux';
const TOKENIZER = 'dvae/dvae-tiny';
const VOCABULARY = 96;

const sample = (name) => join(root, 'demo', 'samples', `${name}.jpg`);

/** A model of masked images whose vocabulary is the tiny tokenizer's: [address, folder]. */
function maskedCheckpoint() {
  const folder = join(root, 'build', 'test-checkpoints', 'masked');
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(maskedFiles(VOCABULARY))) writeFileSync(join(folder, name), bytes);
  return ['checkpoints/masked/', folder];
}

for (const name of Object.keys(BROWSERS)) {
  describe(`tabs in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer({ folders: [maskedCheckpoint(), ...FOLDERS] })]);
      withoutOwn(server);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    /** Runs `work` with a page of the demo. */
    async function withDemo(hash, work) {
      const { page, complaints } = await openPage(host.browser, `${server.url}${hash}`);
      try {
        await usable(page, hash.slice(1) || 'classify');
        await work(page, complaints);
      } finally {
        await page.close();
      }
    }

    const fixture = (path) => `${server.url}fixtures/golden/${path}/`;
    const value = (page, selector, property = 'textContent') => page.$eval(selector, (element, wanted) => element[wanted], property);

    /** The mean brightness of a canvas, and how many of its pixels are not transparent. */
    const lightOf = (page, selector) =>
      page.$eval(selector, (canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let [sum, opaque] = [0, 0];
        for (let i = 0; i < data.length; i += 4) {
          sum += data[i] + data[i + 1] + data[i + 2];
          if (data[i + 3] > 0) ++opaque;
        }
        return { sum, opaque, pixels: data.length / 4 };
      });

    it('tabs follow the keyboard and the address', async () => {
      await withDemo('#models', async (page) => {
        const selected = () => page.$$eval('[role="tab"][aria-selected="true"]', (tabs) => tabs.map(({ id }) => id));
        const panels = () => page.$$eval('[role="tabpanel"]', (all) => all.filter((panel) => panel.checkVisibility()).map(({ id }) => id));
        assert.deepEqual([await selected(), await panels()], [['tab-models'], ['panel-models']]);
        await page.focus('#tab-models');
        for (const [key, tab] of [
          ['ArrowRight', 'benchmark'],
          ['ArrowRight', 'classify'],
          ['ArrowLeft', 'benchmark'],
          ['Home', 'classify'],
          ['End', 'benchmark'],
        ]) {
          await page.keyboard.press(key);
          assert.deepEqual([await selected(), await panels()], [[`tab-${tab}`], [`panel-${tab}`]], key);
          assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${tab}`);
          assert.equal(await page.evaluate(() => location.hash), `#${tab}`);
        }
        assert.equal(await page.$$eval('[role="tab"][tabindex="0"], [role="tab"]:not([tabindex])', (tabs) => tabs.length), 1);
        await page.goBack();
        await page.waitForFunction(() => document.getElementById('panel-classify').checkVisibility());
      });
    });

    it('shows attention, by layer and head and as a rollout, from everywhere or from a patch', async () => {
      await withDemo('', async (page, complaints) => {
        await answerTo(page, 'beach');
        const overlay = '#panel-classify .overlay';
        assert.equal(await page.$eval(overlay, (canvas) => canvas.hidden), true);
        const seen = new Set();
        /** Waits until another picture is seen than so far. */
        const look = async () => {
          await page.waitForFunction((selector) => !document.querySelector(selector).hidden, {}, overlay);
          let { sum } = await lightOf(page, overlay);
          for (let i = 0; i < 200 && seen.has(sum); ++i) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            ({ sum } = await lightOf(page, overlay));
          }
          seen.add(sum);
        };
        await page.select('#attention-view', 'rollout');
        await look();
        assert.match(await value(page, part('classify', 'attention-note')), /all patches/);
        await page.select('#attention-view', 'layer');
        await page.select('#attention-layer', '0');
        await look();
        await page.select('#attention-head', '2');
        await look();
        await page.focus('#panel-classify .frame');
        await page.keyboard.press('ArrowDown');
        await look();
        assert.match(await value(page, part('classify', 'attention-note')), /row 8, column 7/);
        assert.equal(seen.size, 4, 'each view is another picture');
        await screenshot(page, `demo-${name}-attention`);
        await page.select('#attention-view', 'off');
        await page.waitForFunction((selector) => document.querySelector(selector).hidden, {}, overlay);
        await assertClean(page, complaints, server);
      });
    });

    it('compares two pictures', async () => {
      await withDemo('', async (page, complaints) => {
        await answerTo(page, 'beach');
        await page.locator(part('classify', 'compare')).click();
        await page.waitForFunction(() => document.querySelector('input[name="slot"][value="b"]').checked);
        await clickSample(page, 'harbour');
        await page.waitForFunction((pair) => document.querySelector(pair).checkVisibility(), {}, part('classify', 'pair'));
        const rows = await page.$$eval(`${part('classify', 'pair-labels')} .label`, (labels) =>
          labels.map(({ textContent }) => textContent),
        );
        assert.deepEqual(new Set(rows.slice(0, 2)), new Set(['beach', 'harbour']));
        const cosine = Number(/-?\d\.\d\d/.exec(await value(page, part('classify', 'likeness')))[0]);
        assert.ok(cosine < 0.9, `${cosine}`);
        await screenshot(page, `demo-${name}-compare`);
        await clickSample(page, 'beach');
        await page.waitForFunction(
          (likeness) => document.querySelector(likeness).textContent.includes('1.00'),
          {},
          part('classify', 'likeness'),
        );
        await assertClean(page, complaints, server);
      });
    });

    it('says that there is no checkpoint for segmentation, then segments with one that is named', async () => {
      await withDemo('#segment', async (page) => {
        assert.match(await problemWith(page, 'segment pictures', 'segment'), /Models tab/);
        await page.locator('#panel-segment .problem button').click();
        await page.waitForFunction(() => document.getElementById('panel-models').checkVisibility());
        assert.match(await loadCheckpoint(page, fixture(SEGMENT)), /BeitForSemanticSegmentation: the tab Segment/);
        assert.match(await value(page, part('models', 'found')), /transformers.*168: none missing/);
        await screenshot(page, `demo-${name}-models`);
        await openTab(page, 'segment');
        await answered(page, 'segment', 'beach');

        const segment = await pipeline('image-segmentation', join(GOLDEN, SEGMENT));
        const wanted = await segment(sample('beach'));
        await segment.dispose();
        const legend = await page.$$eval('#panel-segment .entry', (entries) =>
          entries.map((entry) => entry.innerText.split('\n').map((text) => text.trim())),
        );
        const share = ({ share: part }) => (part < 0.001 ? '< 0.1 %' : `${(part * 100).toFixed(1)} %`);
        assert.deepEqual(
          legend,
          wanted.legend.map((entry) => [entry.label, share(entry)]),
        );

        const overlay = '#panel-segment .overlay';
        const all = await lightOf(page, overlay);
        assert.equal(all.opaque, all.pixels);
        await page.locator('#panel-segment .entry').click();
        const alone = await lightOf(page, overlay);
        assert.equal(
          alone.opaque,
          all.pixels - Math.round(wanted.legend[0].share * all.pixels),
          'the chosen label is free, the others are covered',
        );
        await page.locator('#panel-segment .entry').click();
        await page.$eval('#opacity', (range) => {
          range.value = '20';
          range.dispatchEvent(new Event('input'));
        });
        assert.equal(await page.$eval(overlay, (canvas) => getComputedStyle(canvas).opacity), '0.2');

        const box = await (await page.$('#panel-segment .frame')).boundingBox();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        const middle = wanted.labels[Math.floor(wanted.height / 2) * wanted.width + Math.floor(wanted.width / 2)];
        assert.match(await value(page, part('segment', 'pointed')), new RegExp(`^LABEL_${middle},`));

        const saved = await page.evaluate(
          (button) =>
            new Promise((resolve) => {
              const { createObjectURL } = URL;
              let bitmap;
              URL.createObjectURL = (blob) => {
                bitmap = createImageBitmap(blob);
                return createObjectURL(blob);
              };
              HTMLAnchorElement.prototype.click = async function () {
                const { width, height } = await bitmap;
                resolve([this.download, width, height]);
              };
              document.querySelector(button).click();
            }),
          part('segment', 'save'),
        );
        assert.deepEqual(saved, ['beach-labels.png', wanted.width, wanted.height]);
        await screenshot(page, `demo-${name}-segment`);
      });
    });

    it('guesses what is hidden, and draws it with a tokenizer', async () => {
      await withDemo('#mask', async (page) => {
        await problemWith(page, 'guess what is hidden', 'mask');
        assert.match(await loadCheckpoint(page, `${server.url}checkpoints/masked/`), /BeitForMaskedImageModeling: the tab Mask/);
        await openTab(page, 'mask');
        await answered(page, 'mask', 'beach');
        assert.equal(await page.$$eval('#panel-mask figure', (figures) => figures.length), 1);
        assert.ok(await page.$eval(part('mask', 'no-tokenizer'), (element) => element.checkVisibility()));
        assert.match(await loadCheckpoint(page, fixture(TOKENIZER)), /tokenizer: the tab Mask uses it/);
        await openTab(page, 'mask');
        await page.waitForFunction(() => document.querySelectorAll('#panel-mask figure').length === 3);
        const facts = () => value(page, part('mask', 'mask-facts'), 'innerText');
        const hidden = async () => Number(/Hidden\s*(\d+) of/.exec(await facts())[1]);
        assert.match(await facts(), /Right tokens\s*\S+ %/);

        await page.locator(part('mask', 'clear')).click();
        await page.waitForFunction(
          (selector) => /Hidden\s*0 of/.test(document.querySelector(selector).innerText),
          {},
          part('mask', 'mask-facts'),
        );
        await page.focus('#panel-mask .frame');
        await page.keyboard.press(' ');
        await page.waitForFunction(
          (selector) => /Hidden\s*1 of/.test(document.querySelector(selector).innerText),
          {},
          part('mask', 'mask-facts'),
        );
        const box = await (await page.$('#panel-mask .frame')).boundingBox();
        await page.mouse.move(box.x + 3, box.y + box.height - 3);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width - 3, box.y + box.height - 3, { steps: 3 });
        await page.mouse.up();
        await page.waitForFunction(
          (selector) => !/Hidden\s*1 of/.test(document.querySelector(selector).innerText),
          {},
          part('mask', 'mask-facts'),
        );
        const painted = await hidden();
        assert.ok(painted > 1, 'a stroke hides a row');
        await page.locator(part('mask', 'blocks')).click();
        await page.waitForFunction(
          (selector, before) => !document.querySelector(selector).innerText.includes(before),
          {},
          part('mask', 'mask-facts'),
          `${painted} of`,
        );
        await screenshot(page, `demo-${name}-mask`);
      });
    });

    it('takes no tokenizer that another checkpoint was taken in place of', async () => {
      const encoder = `fixtures/golden/${TOKENIZER}/encoder.safetensors`;
      server.slowDown(encoder, 30000);
      await withDemo('#models', async (page) => {
        const take = (address) =>
          page.evaluate((source) => {
            document.getElementById('source').value = source;
            document.querySelector('#panel-models button[type="submit"]').click();
          }, address);
        const slot = () => page.$$eval(`${part('models', 'slots')} li`, (slots) => slots.at(-1).textContent);
        await take(fixture(TOKENIZER));
        await page.waitForFunction(
          (slots) => /dvae-tiny.*loading/.test(document.querySelector(slots).lastElementChild.textContent),
          {},
          part('models', 'slots'),
        );
        await take(fixture(SEGMENT));
        assert.match(await loaded(page), /BeitForSemanticSegmentation: the tab Segment/);
        assert.doesNotMatch(await slot(), /dvae-tiny/);
        assert.equal(await page.$eval('#panel-models .problem', (problem) => problem.checkVisibility()), false);
      });
      server.speedUp(encoder);
    });

    it('takes the files of a checkpoint that are dropped, and says what is missing in another', async () => {
      await withDemo('', async (page) => {
        await answerTo(page, 'beach');
        const drop = (files) =>
          page.evaluate(async (addresses) => {
            const data = new DataTransfer();
            for (const address of addresses) data.items.add(new File([await (await fetch(address)).blob()], address.split('/').pop()));
            document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
          }, files);
        const classifier = 'models/classify-patch16';
        await drop(['model.safetensors', 'config.json'].map((file) => `${fixture(classifier)}${file}`));
        await page.waitForFunction(() => document.getElementById('panel-models').checkVisibility());
        assert.match(await loaded(page), /BeitForImageClassification: the tab Classify/);
        await openTab(page, 'classify');
        await page.waitForFunction(() => document.querySelector('#panel-classify .labels .label').textContent.startsWith('LABEL_'));
        assert.match(await value(page, part('classify', 'model-line')), /model\.safetensors and 1 more/);

        // A segmentation's config over a classifier's weights: its head is not there.
        await page.evaluate(
          async (weights, config) => {
            const data = new DataTransfer();
            data.items.add(new File([await (await fetch(weights)).blob()], 'model.safetensors'));
            data.items.add(new File([await (await fetch(config)).blob()], 'config.json'));
            document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
          },
          `${fixture(classifier)}model.safetensors`,
          `${fixture(SEGMENT)}config.json`,
        );
        await page.waitForFunction(
          (verdict) => /not whole/.test(document.querySelector(verdict).textContent),
          {},
          part('models', 'verdict'),
        );
        assert.match(await value(page, part('models', 'name-list')), /missing: decode_head/);
      });
    });

    it('says why a checkpoint cannot be had, and tries again', async () => {
      await withDemo('#models', async (page) => {
        assert.match(await loadCheckpoint(page, `${server.url}no/such/folder/`), /could not be loaded/);
        assert.ok(await page.$eval('#panel-models .problem button', (button) => button.checkVisibility()));
      });
    });

    it('lists what is kept on the device, and deletes it', async () => {
      await withDemo('#models', async (page) => {
        await loadCheckpoint(page, fixture(SEGMENT));
        await page.waitForFunction(() =>
          [...document.querySelectorAll('#panel-models .name')].some(({ textContent }) => textContent.includes('segment-aux')),
        );
        const remove = '#panel-models button[aria-label^="Delete"][aria-label*="segment-aux"]';
        await page.locator(remove).click();
        await page.waitForFunction((selector) => document.querySelector(selector) === null, {}, remove);
      });
    });

    it('runs with as many threads as are asked for', async () => {
      await withDemo('', async (page) => {
        await answerTo(page, 'beach');
        await openTab(page, 'models');
        await page.select('#set-build', 'simd');
        await page.waitForFunction(
          () =>
            document.getElementById('runtime-build').textContent === 'simd' && document.getElementById('runtime-ready').textContent !== '–',
        );
        await openTab(page, 'classify');
        assert.equal((await answerTo(page, 'beach'))[0].label, 'beach');
      });
    });

    it('takes no clicks in a tab whose script is on its way, and says when it does not come', async () => {
      const script = 'benchmark/panel.js';
      server.slowDown(script, 30000);
      await withDemo('', async (page) => {
        await answerTo(page, 'beach');
        await page.locator('#tab-benchmark').click();
        await page.waitForFunction(() => document.getElementById('panel-benchmark').checkVisibility());
        assert.equal(await page.$eval('#panel-benchmark', (panel) => panel.inert), true);
        // The tab that is gone back to does not wait for it.
        await openTab(page, 'classify');
        await clickSample(page, 'farm');
        await answerTo(page, 'farm');
      });
      server.speedUp(script);
      server.lose(script);
      await withDemo('', async (page) => {
        await answerTo(page, 'beach');
        await openTab(page, 'benchmark');
        await problemWith(page, 'This tab could not be loaded', 'benchmark');
        await openTab(page, 'classify');
        await clickSample(page, 'farm');
        await answerTo(page, 'farm');
        await openTab(page, 'benchmark');
        await problemWith(page, 'This tab could not be loaded', 'benchmark');
        assert.equal(await page.$$eval('#panel-benchmark .problem', (problems) => problems.length), 1);
        server.find(script);
        await page.locator('#panel-benchmark .problem button').click();
        await page.waitForFunction(() => document.getElementById('bench-model')?.options.length > 0);
      });
    });

    it('measures itself, and copies the result as JSON', async () => {
      await withDemo('#benchmark', async (page, complaints) => {
        await page.evaluate(() => {
          Object.defineProperty(navigator, 'clipboard', {
            value: {
              writeText: async (text) => {
                globalThis.copied = text;
              },
            },
          });
        });
        await page.select('#bench-runs', '5');
        await page.locator('#panel-benchmark button[type="submit"]').click();
        await page.waitForFunction(() => document.getElementById('announcer').textContent.includes('done'));
        const rows = await page.$$eval('#panel-benchmark tbody tr', (all) =>
          all.map((row) => [...row.cells].map((cell) => cell.textContent)),
        );
        assert.ok(rows.length >= 3, `${rows.length} ways`);
        assert.equal(await page.$$eval('#panel-benchmark svg rect', (bars) => bars.length), rows.length);
        await page.locator(part('benchmark', 'copy')).click();
        await page.waitForFunction(() => globalThis.copied);
        const { timings, unit } = JSON.parse(await page.evaluate(() => globalThis.copied));
        assert.equal(unit, 'ms');
        assert.deepEqual(
          timings.map(({ build, threads }) => [build, String(threads)]),
          rows.map((cells) => cells.slice(0, 2)),
        );
        for (const { runs, median, fastest, slowest } of timings) {
          assert.equal(runs.length, 5);
          assert.ok(fastest > 0 && fastest <= median && median <= slowest);
        }
        await screenshot(page, `demo-${name}-benchmark`);
        await assertClean(page, complaints, server);
      });
    });

    it('looks at 200 pictures without growth of memory', async () => {
      await withDemo('', async (page) => {
        await answerTo(page, 'beach');
        const { before, after, answers } = await page.evaluate(async () => {
          const { pipeline: make } = await import(new URL('beit-wasm/dist/index.js', location.href).href);
          const classify = await make('image-classification');
          const pictures = ['farm', 'harbour', 'street'].map((sampleName) =>
            fetch(`samples/${sampleName}.jpg`).then((response) => response.blob()),
          );
          const files = await Promise.all(pictures);
          for (const file of files) await classify(file);
          const { used: begin } = await classify.memory();
          let count = 0;
          for (let i = 0; i < 200; ++i) count += (await classify(files[i % files.length])).length;
          const { used: end } = await classify.memory();
          await classify.dispose();
          return { before: begin, after: end, answers: count };
        });
        assert.equal(answers, 1000);
        assert.equal(after, before);
      });
    });
  });
}
