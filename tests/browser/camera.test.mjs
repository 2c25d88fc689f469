// The demo with a camera: Chromium's own, which shows a picture that changes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launch, openPage, screenshot } from './support/browsers.mjs';
import { answerTo, answered, openTab, part } from './support/demo.mjs';
import { startServer } from './support/server.mjs';

describe('demo with a camera', () => {
  let host;
  let server;
  before(async () => {
    [host, server] = await Promise.all([
      launch('chromium', ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']),
      startServer(),
    ]);
  });
  after(() => Promise.all([host?.close(), server?.stop()]));

  it('classifies a picture that is taken', async () => {
    const { page, complaints } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    await page.locator('#camera-open').click();
    await page.waitForFunction(() => document.getElementById('camera-view').videoWidth > 0);
    await screenshot(page, 'demo-camera');
    await page.locator('#camera-take').click();
    assert.equal((await answerTo(page, 'camera.png')).length, 5);
    assert.equal(await page.evaluate(() => document.getElementById('camera-view').srcObject), null, 'the camera is off again');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('segments what it sees, drops frames rather than keep them waiting, and stops with the tab', async () => {
    const { page } = await openPage(host.browser, `${server.url}#segment`);
    await page.waitForFunction((answer) => document.querySelector(answer).checkVisibility(), {}, part('segment', 'answer'));
    await page.locator(part('segment', 'live')).click();
    const facts = part('segment', 'live-facts');
    await page.waitForFunction((selector) => /; ([5-9]|\d\d+) shown/.test(document.querySelector(selector).textContent), {}, facts);
    assert.match(await page.$eval(facts, (element) => element.textContent), /^\d+\.\d frames a second; \d+ shown, \d+ dropped/);
    await screenshot(page, 'demo-camera-live');
    await openTab(page, 'classify');
    const shown = await page.$eval(facts, (element) => element.textContent);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await page.$eval(facts, (element) => element.textContent), shown);
    assert.equal(await page.$eval(part('segment', 'live'), (button) => button.getAttribute('aria-pressed')), 'false');
    await page.close();
  });

  it('is off while nobody sees the page, and where it comes too late', async () => {
    const { page } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    await page.evaluate(() => {
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      globalThis.streams = [];
      navigator.mediaDevices.getUserMedia = async (...wanted) => {
        const stream = await ask(...wanted);
        globalThis.streams.push(stream);
        if (globalThis.permission) await globalThis.permission;
        return stream;
      };
      globalThis.become = (state) => {
        Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      };
    });
    const off = (count) =>
      page.waitForFunction(
        (wanted) =>
          globalThis.streams.length === wanted &&
          globalThis.streams.every((stream) => stream.getTracks().every(({ readyState }) => readyState === 'ended')),
        {},
        count,
      );
    await page.locator('#camera-open').click();
    await page.waitForFunction(() => document.getElementById('camera-view').videoWidth > 0);
    await page.evaluate(() => globalThis.become('hidden'));
    await off(1);
    assert.equal(await page.$eval('#camera', (dialog) => dialog.open), false);
    await page.evaluate(() => globalThis.become('visible'));

    await openTab(page, 'segment');
    await answered(page, 'segment', 'beach');
    const live = part('segment', 'live');
    const pressed = (state) =>
      page.waitForFunction((selector, wanted) => document.querySelector(selector).ariaPressed === wanted, {}, live, state);
    await page.locator(live).click();
    await pressed('true');
    await page.evaluate(() => globalThis.become('hidden'));
    await pressed('false');
    await off(2);
    await page.evaluate(() => globalThis.become('visible'));
    // The tab is left while the permission is asked for.
    await page.evaluate(() => {
      globalThis.permission = new Promise((resolve) => {
        globalThis.permit = resolve;
      });
    });
    await page.locator(live).click();
    await page.waitForFunction(() => globalThis.streams.length === 3);
    await openTab(page, 'classify');
    await page.evaluate(() => globalThis.permit());
    await off(3);
    assert.equal(await page.$eval(live, (button) => button.ariaPressed), 'false');
    await page.close();
  });

  it('says that the camera may not be used', async () => {
    const { page } = await openPage(host.browser, server.url);
    await answerTo(page, 'beach');
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('Permission denied', 'NotAllowedError');
      };
    });
    await page.locator('#camera-open').click();
    await page.waitForFunction(() => document.getElementById('camera-problem').checkVisibility());
    assert.match(await page.$eval('#camera-problem', (element) => element.textContent), /allow it for this page/);
    await page.locator('#camera-close').click();
    assert.equal((await answerTo(page, 'beach')).length, 5);
    await page.close();
  });
});
