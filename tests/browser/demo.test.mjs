// The demo page in real browsers, as a user has it, held against the library under Node.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pipeline } from '../../dist/node.js';
import { BUILT_SITE, buildSite } from '../../tools/site.mjs';
import { BROWSERS, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answerTo, answered, chooseFile, clickSample, hand, problemWith, runtimeOf } from './support/demo.mjs';
import { root, startServer } from './support/server.mjs';

const SAMPLES = ['beach', 'mountain lake', 'farm', 'harbour', 'street', 'night city'];
const WEIGHTS = 'beit-wasm-samples/weights/classifier/model.safetensors';

const fileOf = (name) => join(root, 'demo', 'samples', `${name.replaceAll(' ', '-')}.jpg`);

/** What the library says under Node, by the sample's name. */
const expected = new Map();

before(async () => {
  const classify = await pipeline('image-classification');
  for (const name of SAMPLES) expected.set(name, await classify(fileOf(name), { topK: 5 }));
  await classify.dispose();
  await buildSite();
});

/** The same best label, and scores that differ by less than `tolerance`. */
function assertSame(actual, name, tolerance = 1e-4) {
  const wanted = expected.get(name);
  assert.equal(actual.length, 5);
  assert.equal(actual[0].label, wanted[0].label);
  for (const [i, { score, text }] of actual.entries()) {
    assert.ok(Math.abs(score - wanted[i].score) < tolerance, `${name}, place ${i + 1}: ${score}, under Node ${wanted[i].score}`);
    assert.match(text, /^(\d+\.\d|< 0\.1) %$/);
  }
}

for (const name of Object.keys(BROWSERS)) {
  describe(`demo in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      host = await launch(name);
    });
    after(() => host?.close());

    /** Runs `work` with a page of the demo, and takes page and server away afterwards. */
    async function withDemo({ search = '', isolated = true, base = '/', folders = undefined, prepare = () => undefined }, work) {
      server = await startServer({ isolated, base, folders });
      prepare(server);
      try {
        const { page, complaints } = await openPage(host.browser, `${server.url}${search}`);
        try {
          await work(page, complaints);
        } finally {
          await page.close();
        }
      } finally {
        await server.stop();
      }
    }

    it('leaves its answer on the page while it asks how much memory is in use', async () => {
      await withDemo({}, async (page, complaints) => {
        await answerTo(page, 'beach');
        await page.evaluate(() => {
          const post = Worker.prototype.postMessage;
          Worker.prototype.postMessage = function (message, ...rest) {
            // Longer than the page waits before it tells that it is at work.
            if (message?.method === 'memory') setTimeout(() => post.call(this, message, ...rest), 600);
            else post.call(this, message, ...rest);
          };
        });
        await clickSample(page, 'harbour');
        assertSame(await answerTo(page, 'harbour'), 'harbour');
        await assertClean(page, complaints, server);
      });
    });

    for (const isolated of [true, false]) {
      it(`answers as under Node, ${isolated ? 'isolated' : 'not isolated'}, with nothing against the policy`, async () => {
        await withDemo({ isolated }, async (page, complaints) => {
          assertSame(await answerTo(page, 'beach'), 'beach');
          for (const sample of SAMPLES.slice(1)) {
            await clickSample(page, sample);
            assertSame(await answerTo(page, sample), sample);
          }
          const { reason, build, threads, place } = await runtimeOf(page);
          assert.equal(place, 'a worker');
          if (isolated) {
            assert.equal(build, 'relaxed-threads');
            assert.equal(threads, await page.evaluate(() => Math.min(navigator.hardwareConcurrency, 8)));
          } else {
            assert.equal(build, 'simd');
            assert.equal(threads, 1);
            assert.match(reason, /^One thread.*not cross-origin isolated/);
          }
          await screenshot(page, `demo-${name}-${isolated ? 'isolated' : 'not-isolated'}`);
          await assertClean(page, complaints, server);
        });
      });
    }

    it('works from a sub-folder, as plain files', async () => {
      const folders = [['', BUILT_SITE]];
      await withDemo({ base: '/some/sub/folder/', folders }, async (page, complaints) => {
        assertSame(await answerTo(page, 'beach'), 'beach');
        await assertClean(page, complaints, server);
      });
    });

    it('goes on when its server is gone', async () => {
      await withDemo({}, async (page, complaints) => {
        await answerTo(page, 'beach');
        await page.waitForFunction((count) => document.querySelectorAll('.sample:enabled').length === count, {}, SAMPLES.length);
        await server.stop();
        await assert.rejects(fetch(server.url), 'The server has stopped.');
        await clickSample(page, 'harbour');
        assertSame(await answerTo(page, 'harbour'), 'harbour');
        await chooseFile(page, fileOf('street'));
        assertSame(await answerTo(page, 'street.jpg'), 'street');
        assert.deepEqual(complaints, []);
      });
    });

    it('runs in the page itself, without a worker', async () => {
      await withDemo({ search: '?worker=false' }, async (page, complaints) => {
        assertSame(await answerTo(page, 'beach'), 'beach');
        const { reason, build, threads, place } = await runtimeOf(page);
        assert.deepEqual([build, threads, place], ['simd', 1, 'the page itself']);
        assert.match(reason, /main thread/);
        await assertClean(page, complaints, server);
      });
    });

    it('stops loading when told to, and loads again', async () => {
      await withDemo({ prepare: ({ slowDown }) => slowDown(WEIGHTS, 30000) }, async (page, complaints) => {
        await page.waitForFunction(() => document.querySelector('#panel-classify progress').value > 0);
        await screenshot(page, `demo-${name}-loading`);
        await page.locator('#panel-classify .busy button').click();
        await problemWith(page, 'Loading was cancelled');
        await screenshot(page, `demo-${name}-cancelled`);
        server.speedUp(WEIGHTS);
        await page.locator('#panel-classify .problem button').click();
        assertSame(await answerTo(page, 'beach'), 'beach');
        await assertClean(page, complaints, server);
      });
    });

    it('tells how the tokenizer of a model comes, and stops that with the model', async () => {
      const encoder = 'beit-wasm/weights/embedded/tokenizer/encoder.safetensors';
      await withDemo({ search: '#mask', prepare: ({ slowDown }) => slowDown(encoder, 30000) }, async (page, complaints) => {
        await page.waitForFunction(() => document.querySelector('#panel-mask progress')?.value > 0);
        await page.locator('#panel-mask .busy button').click();
        await problemWith(page, 'Loading was cancelled', 'mask');
        server.speedUp(encoder);
        await page.locator('#panel-mask .problem button').click();
        await answered(page, 'mask', 'beach');
        assert.equal(await page.$$eval('#panel-mask figure', (figures) => figures.length), 3);
        await assertClean(page, complaints, server);
      });
    });

    it('says that the model is not there, and loads it when it is', async () => {
      await withDemo({ prepare: ({ lose }) => lose(WEIGHTS) }, async (page) => {
        assert.match(await problemWith(page, 'could not be loaded'), /model\.safetensors/);
        await screenshot(page, `demo-${name}-not-found`);
        server.find(WEIGHTS);
        await page.locator('#panel-classify .problem button').click();
        assertSame(await answerTo(page, 'beach'), 'beach');
      });
    });

    it('says what is wrong with a file that is no picture, and goes on', async () => {
      await withDemo({}, async (page, complaints) => {
        await answerTo(page, 'beach');
        const text = join(root, 'build', 'not-a-picture.png');
        writeFileSync(text, 'These are words.');
        await chooseFile(page, text);
        assert.match(await problemWith(page, 'not-a-picture.png'), /^This picture could not be read\. .*choose another picture\./);
        assert.ok(await page.$eval('#panel-classify .problem button', (button) => button.checkVisibility()));
        await screenshot(page, `demo-${name}-no-picture`);
        await clickSample(page, 'farm');
        assertSame(await answerTo(page, 'farm'), 'farm');
        assert.deepEqual(complaints, []);
      });
    });

    it('takes what is dropped and what is pasted, in formats that only the browser knows, too', async () => {
      await withDemo({}, async (page, complaints) => {
        await answerTo(page, 'beach');
        await hand(page, 'drop', 'farm', 'image/png');
        // Decoders of JPEG may differ by a few levels: here it was the browser's.
        assertSame(await answerTo(page, 'drop.png'), 'farm', 1e-2);
        await hand(page, 'paste', 'harbour', 'image/webp');
        assert.equal((await answerTo(page, 'paste.webp'))[0].label, expected.get('harbour')[0].label);
        await assertClean(page, complaints, server);
      });
    });

    it('refuses a build that there is not, with the way out in words', async () => {
      await withDemo({ search: '?build=avx512' }, async (page) => {
        assert.match(await problemWith(page, 'avx512'), /expected auto, simd, simd-threads, relaxed-threads/);
      });
    });

    it('can be used by keyboard alone', async () => {
      await withDemo({}, async (page) => {
        await answerTo(page, 'beach');
        const focus = () => page.evaluate(() => document.activeElement.querySelector('img')?.alt ?? document.activeElement.id);
        await page.waitForFunction((count) => document.querySelectorAll('.sample:enabled').length === count, {}, SAMPLES.length);
        const visited = [];
        for (let i = 0; i < 12 && visited.at(-1) !== 'night city'; ++i) {
          await page.keyboard.press('Tab');
          visited.push(await focus());
        }
        assert.deepEqual(visited.slice(1), ['tab-classify', 'file', 'camera-open', ...SAMPLES]);
        await page.keyboard.press('Enter');
        assertSame(await answerTo(page, 'night city'), 'night city');
        const spoken = await page.$eval('#announcer', (element) => element.textContent);
        assert.ok(spoken.startsWith(expected.get('night city')[0].label), spoken);
      });
    });
  });
}
