// The tab Teach's Improve on the built site: it goes on after a reload and a stop, answers, is saved, and works without a network.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import { pipeline } from '../../dist/node.js';
import { buildSite } from '../../tools/site.mjs';
import { launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { part, usable } from './support/demo.mjs';
import { downloadOf } from './support/downloads.mjs';
import { classInput, giveDrawn } from './support/lessons.mjs';
import { startServer } from './support/server.mjs';
import { readZip } from './support/zip.mjs';

const EACH = 10;

const teach = (name) => part('teach', name);
const text = (page, name) => page.$eval(teach(name), (element) => element.textContent);

/** Gives two classes a kind each, and one picture of the other's, and has the head on the first layer, for speed. */
async function teachBadly(page) {
  await usable(page, 'teach');
  for (const [i, kind, other] of [
    [0, 'round', 'square'],
    [1, 'square', 'round'],
  ]) {
    await page.waitForSelector(classInput(i));
    await giveDrawn(page, classInput(i), { kind, count: EACH - 1, first: i * EACH });
    await giveDrawn(page, classInput(i), { kind: other, count: 1, first: i * EACH });
  }
  await page.waitForFunction((verdict) => document.querySelector(verdict).textContent.includes(' of 20, each'), {}, teach('verdict'));
  await page.select('#teach-layer', '1');
  await page.waitForFunction((line) => document.querySelector(line).textContent.includes('layer 1 of 6'), {}, teach('layer-text'));
  await page.waitForFunction((kept) => document.querySelector(kept).textContent === 'Kept on this device.', {}, teach('kept'));
}

/** Presses a button that is there, by the keyboard. */
async function press(page, label) {
  const handle = await page.waitForFunction(
    (words) =>
      [...document.querySelectorAll('#teach-improve button')].find(
        (button) => button.textContent === words && button.checkVisibility() && !button.disabled,
      ),
    {},
    label,
  );
  await handle.focus();
  await page.keyboard.press('Enter');
}

const state = (page) =>
  page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('beit-wasm-improve');
    return JSON.parse(await (await (await folder.getFileHandle('state.json')).getFile()).text());
  });

/** Waits until a run has come to a step. */
const atStep = (page, step) =>
  page.waitForFunction(
    (doing, least) => Number(/^Step (\d+)/.exec(document.querySelector(doing)?.textContent)?.[1]) >= least,
    { polling: 30 },
    teach('improve-doing'),
    step,
  );

const over = (page) =>
  page.waitForFunction((busy) => document.querySelector(busy)?.hidden && document.querySelector('.curve .dot'), {}, teach('improve-busy'));

const bars = (page) =>
  page.$$eval(`${teach('labels')} li`, (rows) =>
    rows.map((row) => ({ label: row.querySelector('.label').textContent, score: Number(row.querySelector('.value').value) })),
  );

describe('Improve', () => {
  let site;
  let host;
  before(async () => {
    site = await buildSite(mkdtempSync(join(tmpdir(), 'beit-improve-')));
    host = await launch('chromium');
  });
  after(async () => {
    await host?.close();
    rmSync(site, { recursive: true, force: true });
  });

  it('goes on to the same bits after a reload and a stop, answers, is saved, and needs no network then', async () => {
    const server = await startServer({ folders: [['', site]] });
    const { page, complaints } = await openPage(host.browser, `${server.url}#teach`);
    await teachBadly(page);
    const isOfTraining = ({ path }) => /training|trainer|improvement/.test(path);
    assert.deepEqual(server.sent.filter(isOfTraining), [], 'nobody fetches it who does not ask for it');

    await press(page, 'Improve');
    await atStep(page, 3);
    assert.equal(server.sent.filter(({ path }) => /training-.*\.wasm$/.test(path)).length, 1);
    assert.match(await text(page, 'improve-doing'), /^Step \d+ of 40/);
    // The curves are drawn again in each frame: while the run is taken up, it must not look like one that is over.
    const { identifier } = await page.evaluateOnNewDocument((busy) => {
      globalThis.ResizeObserver = class extends ResizeObserver {
        #callback;
        constructor(callback) {
          super(callback);
          this.#callback = callback;
        }
        observe(element) {
          super.observe(element);
          if (!element.classList.contains('curves')) return;
          const again = () => {
            this.#callback([], this);
            if (document.querySelector(busy).hidden) requestAnimationFrame(again);
          };
          requestAnimationFrame(again);
        }
      };
    }, teach('improve-busy'));
    await page.reload();
    await usable(page, 'teach');
    await over(page);
    await page.removeScriptToEvaluateOnNewDocument(identifier);
    const reloaded = await state(page);
    assert.equal(reloaded.status, 'done');
    assert.ok(reloaded.triedAt > 0 && reloaded.triedAt < 40, `it went on at step ${reloaded.triedAt}`);
    // Of so many one is better, by chance; from there on those that judged it are learned from, too.
    assert.ok(reloaded.joined >= 24 && reloaded.joined < 40, `judged up to step ${reloaded.joined}`);
    assert.equal(reloaded.points.length, reloaded.joined);
    assert.equal(reloaded.best.step, reloaded.joined);
    assert.ok(reloaded.whole);
    assert.match(await text(page, 'improve-detail'), /^It learned from 16 pictures up to step \d+, .* from all 20 since\./);

    // Who answers is chosen, and what answers is what is saved.
    await page.waitForFunction((labels) => document.querySelectorAll(`${labels} li`).length === 2, {}, teach('labels'));
    const improved = await bars(page);
    const [, letters] = await downloadOf(page, teach('save-zip'));
    const files = readZip(Buffer.from(letters, 'base64'));
    assert.deepEqual([...files.keys()].sort(), ['README.md', 'config.json', 'model.safetensors', 'preprocessor_config.json']);
    assert.match(files.get('README.md').toString(), /pictures that it did not learn from/);
    const classify = await pipeline(
      'image-classification',
      [...files].map(([name, bytes]) => new File([bytes], name)),
    );
    const saved = await classify(join(site, 'samples', 'beach.jpg'));
    await classify.dispose();
    for (const { label, score } of saved) {
      const shown = improved.find((row) => row.label === label);
      assert.ok(Math.abs(score - shown.score) < 2e-3, `${label}: ${score}, ${shown.score}`);
    }
    await page.locator(teach('improve-head')).click();
    await page.waitForFunction(
      (labels, before) => document.querySelector(`${labels} .value`)?.value !== before,
      {},
      teach('labels'),
      String(improved[0].score),
    );

    // Stopped before its head is fitted, a run leaves the one before as it is.
    await page.locator(teach('improve-improved')).click();
    await press(page, 'Improve anew');
    await press(page, 'Stop');
    await over(page);
    assert.deepEqual((await state(page)).points, reloaded.points);
    assert.ok(await page.$eval(teach('improve-improved'), (choice) => choice.checkVisibility() && choice.checked));
    // Nobody may answer by what is given back and deleted; stopped while the head is judged, the run knows of no figure.
    await page.evaluate((choice) => {
      const { getDirectoryHandle, removeEntry } = FileSystemDirectoryHandle.prototype;
      FileSystemDirectoryHandle.prototype.removeEntry = function (...given) {
        globalThis.answeredByGone ??= !document.querySelector(choice).hidden;
        return removeEntry.apply(this, given);
      };
      FileSystemDirectoryHandle.prototype.getDirectoryHandle = function (name, options) {
        const isHead = name === 'head' && options?.create;
        if (isHead) [...document.querySelectorAll('#teach-improve button')].find((button) => /^Stop/.test(button.textContent)).click();
        return getDirectoryHandle.call(this, name, options);
      };
      globalThis.unhook = () => Object.assign(FileSystemDirectoryHandle.prototype, { getDirectoryHandle, removeEntry });
    }, teach('improve-choice'));
    await press(page, 'Improve anew');
    await page.waitForFunction(
      (busy) => document.querySelector(busy).hidden && globalThis.answeredByGone !== undefined,
      {},
      teach('improve-busy'),
    );
    assert.equal(await page.evaluate(() => globalThis.answeredByGone), false);
    const { head, status } = await state(page);
    assert.deepEqual([head, status, await text(page, 'improve-verdict')], [null, 'stopped', '']);
    await page.evaluate(() => globalThis.unhook());

    await press(page, 'Improve anew');
    await atStep(page, 2);
    await press(page, 'Stop, and keep the best');
    await press(page, 'Go on');
    await over(page);
    assert.deepEqual((await state(page)).points, reloaded.points);

    for (const [name, width, dark] of [
      ['desktop-light', 1200, false],
      ['desktop-dark', 1200, true],
      ['phone-light', 360, false],
      ['phone-dark', 360, true],
    ]) {
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => globalThis.axe.run('#teach-improve'));
      assert.deepEqual(
        violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
        [],
        name,
      );
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: nothing is wider than the screen`);
      await screenshot(page, `demo-${name}-teach-improve`);
    }
    // What hinders the next run leaves this one as it is.
    await page.evaluate(() => {
      Blob.prototype.arrayBuffer = () => Promise.reject(new Error('There is no room.'));
    });
    await press(page, 'Improve anew');
    await page.waitForFunction((problem) => document.querySelector(problem)?.textContent.includes('no room'), {}, teach('improve-problem'));
    assert.deepEqual((await state(page)).points, reloaded.points);
    assert.ok(await page.$eval(teach('improve-choice'), (choice) => !choice.hidden));
    await assertClean(page, complaints, server);

    await server.stop();
    await page.reload();
    await usable(page, 'teach');
    await press(page, 'Improve anew');
    await atStep(page, 3);
    page.on('dialog', (dialog) => dialog.accept());
    await page.locator(teach('clear')).click();
    await page.waitForFunction((card) => document.querySelector(card).hidden, {}, teach('improve'));
    await page.close();
  });

  it('works without isolation, with one thread', async (t) => {
    const server = await startServer({ isolated: false });
    t.after(() => server.stop());
    const { page, complaints } = await openPage(host.browser, `${server.url}#teach`);
    await teachBadly(page);
    await press(page, 'Improve');
    await atStep(page, 1);
    await press(page, 'Stop, and keep the best');
    await over(page);
    assert.equal((await state(page)).status, 'stopped');
    await assertClean(page, complaints, server);
    await page.close();
  });
});
