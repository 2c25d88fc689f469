// What axe-core can tell of accessibility, and that the page fits narrow screens and both schemes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import { launch, openPage, screenshot } from './support/browsers.mjs';
import { answerTo, chooseFile, problemWith } from './support/demo.mjs';
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
  });
  after(async () => {
    await host?.close();
    await server?.stop();
  });

  /** Returns what axe finds: "rule: element". */
  async function violations(page) {
    await page.evaluate(axe.source);
    const { violations: found, passes } = await page.evaluate(() => globalThis.axe.run());
    assert.ok(passes.length > 20, 'axe has looked at the page.');
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  }

  for (const { name, ...view } of VIEWS) {
    it(`${name}: no violation, nothing wider than the screen`, async () => {
      const { page } = await openPage(host.browser, server.url, view);
      await answerTo(page, 'beach');
      assert.deepEqual(await violations(page), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= view.width);
      await screenshot(page, `demo-${name}`);
      await chooseFile(page, join(root, 'package.json'));
      await problemWith(page, 'package.json');
      assert.deepEqual(await violations(page), []);
      await screenshot(page, `demo-${name}-problem`);
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
    assert.ok(await page.evaluate(() => globalThis.shift) < 0.02);
    await page.close();
  });
});
