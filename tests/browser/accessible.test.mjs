// What axe-core can tell of accessibility, and that every tab fits narrow screens and both schemes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import { launch, openPage, screenshot } from './support/browsers.mjs';
import { answerTo, answered, chooseFile, loadCheckpoint, openTab, part, problemWith, withoutOwn } from './support/demo.mjs';
import { classInput, giveDrawn } from './support/lessons.mjs';
import { root, startServer } from './support/server.mjs';

const VIEWS = [
  { name: 'desktop-light', width: 1200, height: 900, dark: false },
  { name: 'desktop-dark', width: 1200, height: 900, dark: true },
  { name: 'phone-light', width: 360, height: 740, dark: false },
  { name: 'phone-dark', width: 360, height: 740, dark: true },
];

describe('demo for everybody', () => {
  let host;
  let server;
  before(async () => {
    host = await launch('chromium');
    server = await startServer();
    withoutOwn(server);
  });
  after(async () => {
    await host?.close();
    await server?.stop();
  });

  /** Asserts that axe finds nothing, and that nothing is wider than the screen; keeps a picture. */
  async function assertGood(page, name) {
    await page.evaluate(axe.source);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    assert.ok(passes.length > 20, 'axe has looked at the page.');
    assert.deepEqual(
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
      [],
      name,
    );
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: nothing is wider than the screen`);
    await screenshot(page, `demo-${name}`);
  }

  for (const { name, ...view } of VIEWS) {
    it(`${name}: no violation on any tab, nothing wider than the screen`, async () => {
      const { page } = await openPage(host.browser, server.url, view);
      page.on('dialog', (dialog) => dialog.accept());
      const fixture = (path) => `${server.url}fixtures/golden/${path}/`;
      await answerTo(page, 'beach');
      await page.$eval(part('classify', 'code'), (details) => {
        details.open = true;
      });
      await page.waitForFunction((selector) => document.querySelector(`${selector} pre`), {}, part('classify', 'code'));
      await assertGood(page, `${name}-classify`);
      await page.select('#attention-view', 'layer');
      await page.waitForFunction((selector) => !document.querySelector(selector).hidden, {}, '#panel-classify .overlay');
      await assertGood(page, `${name}-attention`);
      await chooseFile(page, join(root, 'LICENSE'));
      await problemWith(page, 'LICENSE');
      await assertGood(page, `${name}-problem`);
      await page.locator('.sample:enabled').click();

      await openTab(page, 'mask');
      await problemWith(page, 'guess what is hidden', 'mask');
      await assertGood(page, `${name}-mask-absent`);
      await loadCheckpoint(page, fixture('models/mim-shared-bias'));
      await openTab(page, 'mask');
      await answered(page, 'mask', 'beach');
      await assertGood(page, `${name}-mask`);
      await loadCheckpoint(page, fixture('models/segment-aux'));
      await assertGood(page, `${name}-models`);
      await openTab(page, 'segment');
      await answered(page, 'segment', 'beach');
      await page.locator('#panel-segment .entry').click();
      await assertGood(page, `${name}-segment`);
      await page.locator(part('segment', 'teach')).click();
      await page.waitForSelector('#panel-segment .brush:not([hidden])');
      await page.focus('#panel-segment .brush');
      for (const key of ['1', 'Space', 'ArrowLeft', 'Space', '2', 'ArrowUp', 'Space', 'ArrowUp', 'Space']) await page.keyboard.press(key);
      const verdict = part('segment', 'strokes-verdict');
      await page.waitForFunction((where) => document.querySelector(where).textContent.startsWith('It answers'), {}, verdict);
      await assertGood(page, `${name}-strokes`);
      await page.locator(part('segment', 'clear-strokes')).click(); // nothing is left for the next view
      await openTab(page, 'teach');
      await giveDrawn(page, classInput(0), { kind: 'round', count: 7 });
      await giveDrawn(page, classInput(1), { kind: 'square', count: 7 });
      await giveDrawn(page, classInput(0), { kind: 'square', count: 1, first: 9 });
      await page.waitForFunction((verdict) => document.querySelector(verdict).textContent.includes('of 15'), {}, part('teach', 'verdict'));
      await page.$eval(part('teach', 'code'), (details) => {
        details.open = true;
      });
      await assertGood(page, `${name}-teach`);
      await page.locator('#panel-teach .thumb').click();
      await assertGood(page, `${name}-teach-gallery`);
      await page.locator(part('teach', 'gallery-all')).click();
      await page.locator(part('teach', 'gallery-remove')).click();
      await page.waitForFunction((judgement) => document.querySelector(judgement).hidden, {}, part('teach', 'judgement'));
      await assertGood(page, `${name}-teach-empty`);
      await page.locator(part('teach', 'clear')).click(); // nothing is left for the next view
      await openTab(page, 'benchmark');
      await page.select('#bench-runs', '5');
      await page.locator('#panel-benchmark button[type="submit"]').click();
      await page.waitForFunction((selector) => document.querySelector(selector).checkVisibility(), {}, part('benchmark', 'bench-results'));
      await assertGood(page, `${name}-benchmark`);
      await page.close();
    });
  }

  it('nothing moves while the model loads and answers', async () => {
    const { page } = await openPage(host.browser, 'about:blank');
    await page.evaluateOnNewDocument(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) globalThis.shift += value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(server.url);
    await answerTo(page, 'beach');
    assert.ok((await page.evaluate(() => globalThis.shift)) < 0.02);
    await page.close();
  });
});
