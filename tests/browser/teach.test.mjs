// The tab Teach, end to end: pictures in, answers, judgement, what is kept, and what can be taken along.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pipeline } from '../../dist/node.js';
import { BROWSERS, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answerTo, openTab, part, usable } from './support/demo.mjs';
import { downloadOf } from './support/downloads.mjs';
import { classInput as inputOf, giveDrawn as draw } from './support/lessons.mjs';
import { startServer } from './support/server.mjs';
import { readZip } from './support/zip.mjs';

const EACH = 6;

const teach = (name) => part('teach', name);
const text = (page, name) => page.$eval(teach(name), (element) => element.textContent);

/** Waits until nothing is to come, and the head is of so many pictures. */
const taught = (page, count) =>
  page.waitForFunction(
    (verdict, wanted) => document.querySelector(verdict).textContent.includes(` of ${wanted}, each`),
    {},
    teach('verdict'),
    count,
  );

const counts = (page) => page.$$eval('#panel-teach .class-count', (all) => all.map(({ textContent }) => textContent));

/** Names a class as a user does: writes, and goes on. */
async function nameClass(page, i, name) {
  await page.locator(`#panel-teach .class:nth-child(${i + 1}) .class-name`).click({ count: 3 });
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
}

const bars = (page, selector) =>
  page.$$eval(`${selector} li`, (rows) =>
    rows.map((row) => ({ label: row.querySelector('.label').textContent, score: Number(row.querySelector('.value').value) })),
  );

for (const name of Object.keys(BROWSERS)) {
  describe(`Teach in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer()]);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    it('learns with every picture, judges, goes on after a reload, and is taken along', async () => {
      const { page, complaints } = await openPage(host.browser, `${server.url}#teach`);
      await usable(page, 'teach');
      await page.waitForSelector(inputOf(1));
      const fetched = server.sent.length;
      await nameClass(page, 0, 'round');
      await nameClass(page, 1, 'square');
      await draw(page, inputOf(0), { kind: 'round', count: 1 });
      await draw(page, inputOf(1), { kind: 'square', count: 1 });
      // Two pictures are enough for an answer, and for no judgement.
      await page.waitForFunction((labels) => document.querySelectorAll(`${labels} li`).length === 2, {}, teach('labels'));
      assert.match(await text(page, 'verdict'), /From five pictures of each class on/);
      await draw(page, inputOf(0), { kind: 'round', count: EACH - 1, first: 1 });
      await draw(page, inputOf(1), { kind: 'square', count: EACH, first: 1 });
      await taught(page, 2 * EACH + 1);
      assert.match(await text(page, 'verdict'), /^Right on 1[0-3] of 13, each picture judged without itself\.$/);
      assert.match(await text(page, 'verdict-detail'), /^That is \S+ %; .* on \S+ % to \S+ %/);
      assert.match(await text(page, 'layer-text'), /^The head stands on /);

      // The class that a picture is put into by mistake is told, and it is moved by the gallery.
      await draw(page, inputOf(0), { kind: 'square', count: 1, first: 9 });
      await taught(page, 2 * EACH + 2);
      await page.locator('#panel-teach .confusion td.wrong button').click();
      await page.waitForSelector('.gallery[open] .taken');
      assert.match(await page.$eval('.gallery .taken', (caption) => caption.textContent), /^round, taken for square/);
      await page.locator('.gallery input').click();
      await page.select('#gallery-to', 'square');
      await page.locator(teach('gallery-move')).click();
      await page.waitForFunction(() => !document.querySelector('.gallery').open);
      await page.waitForFunction((selector) => !document.querySelector(selector), {}, '#panel-teach .confusion td.wrong button');
      assert.deepEqual(await counts(page), [`${EACH} pictures`, `${EACH + 2} pictures`]);
      const others = server.sent.slice(fetched).map(({ path }) => path);
      assert.deepEqual(
        others.filter((path) => !/beit-teaching\.wasm$|^samples\/|beit-wasm-samples|classifier|beit-wasm\/dist/.test(path)),
        [],
        'nothing else is asked for',
      );

      await draw(page, '#file', { kind: 'round', count: 1, first: 11 });
      await page.waitForFunction((labels) => document.querySelector(`${labels} .label`)?.textContent === 'round', {}, teach('labels'));
      const answer = await bars(page, teach('labels'));

      await page.waitForFunction((kept) => document.querySelector(kept).textContent === 'Kept on this device.', {}, teach('kept'));
      await page.reload();
      await usable(page, 'teach');
      await taught(page, 2 * EACH + 2);
      assert.deepEqual(await counts(page), [`${EACH} pictures`, `${EACH + 2} pictures`]);
      assert.deepEqual(await page.$$eval('#panel-teach .class-name', (inputs) => inputs.map(({ value }) => value)), ['round', 'square']);
      await page.waitForFunction(() => {
        const images = [...document.querySelectorAll('#panel-teach .thumb img')];
        return images.length === 14 && images.every(({ naturalWidth }) => naturalWidth > 0);
      });
      await screenshot(page, `demo-${name}-teach`);

      const [file, letters] = await downloadOf(page, teach('save-zip'));
      assert.equal(file, 'mine.zip');
      const files = readZip(Buffer.from(letters, 'base64'));
      assert.deepEqual([...files.keys()].sort(), ['README.md', 'config.json', 'model.safetensors', 'preprocessor_config.json']);
      const given = [...files].filter(([path]) => path !== 'README.md').map(([path, bytes]) => new File([bytes], path));
      const classify = await pipeline('image-classification', given);
      const drawn = await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(64, 64);
        const context = canvas.getContext('2d');
        context.fillStyle = `hsl(30 55% ${30 + ((11 * 7) % 40)}%)`;
        context.fillRect(0, 0, 64, 64);
        context.fillStyle = 'white';
        context.arc(24 + (11 % 4) * 5, 30, 16, 0, 7);
        context.fill();
        return [...context.getImageData(0, 0, 64, 64).data];
      });
      const saved = await classify({ width: 64, height: 64, channels: 4, data: Uint8Array.from(drawn) });
      await classify.dispose();
      assert.deepEqual(
        saved.map(({ label }) => label),
        answer.map(({ label }) => label),
      );
      for (const [i, { score }] of saved.entries()) assert.ok(Math.abs(score - answer[i].score) < 2e-3, `${score}, ${answer[i].score}`);

      await page.$eval(teach('code'), (details) => {
        details.open = true;
      });
      await page.waitForSelector(`${teach('code')} pre`);
      assert.match(await text(page, 'code'), /classify = pipeline\("image-classification", model="mine"\)/);

      // The link is the classifier.
      await page.locator(teach('share')).click();
      await page.waitForFunction((link) => document.querySelector(link).value !== '', {}, teach('link'));
      const link = await page.$eval(teach('link'), (input) => input.value);
      await assertClean(page, complaints, server);
      const opened = await openPage(host.browser, link);
      const linked = await answerTo(opened.page, 'beach');
      assert.deepEqual(new Set(linked.map(({ label }) => label)), new Set(['round', 'square']));
      assert.match(await opened.page.$eval(part('classify', 'model-line'), (line) => line.textContent), /of the link/);
      await assertClean(opened.page, opened.complaints, server);
      await opened.page.close();
      await page.close();
    });

    it('says what it cannot do, and forgets what it is told to', async () => {
      const { page, complaints } = await openPage(host.browser, server.url);
      page.on('dialog', (dialog) => dialog.accept());
      await answerTo(page, 'beach');
      // A run that was kept is forgotten, too, where what shows it has not come.
      const improvement = 'teach/improve/improvement.js';
      server.slowDown(improvement, 30000);
      const home = (work) => page.evaluate(`navigator.storage.getDirectory().then(async (home) => ${work})`);
      await home(`(await home.getDirectoryHandle('beit-wasm-improve', { create: true })).getFileHandle('state.json', { create: true })`);
      await openTab(page, 'teach');
      await page.waitForSelector(inputOf(1));
      await page.locator(teach('clear')).click();
      await page.waitForFunction((judgement) => document.querySelector(judgement).hidden, {}, teach('judgement'));
      await page.waitForFunction((where) => document.querySelector(where)?.value === 'Class 1', {}, '#panel-teach .class-name');
      assert.equal(await home(`(await Array.fromAsync(home.keys())).includes('beit-wasm-improve')`), false);
      server.speedUp(improvement);
      await draw(page, inputOf(0), { kind: 'broken', count: 1 });
      await page.waitForFunction(() => document.querySelector('#panel-teach .class-problem').textContent.includes('broken.png'));
      assert.deepEqual(await counts(page), ['1 picture', '0 pictures']);

      // Two classes of one name would be one.
      await nameClass(page, 1, 'Class 1');
      await page.waitForFunction(() => [...document.querySelectorAll('.class-problem')].some((p) => p.textContent.includes('already')));
      await page.locator(teach('add-other')).click();
      assert.equal(await page.evaluate(() => document.activeElement.value), 'something else');

      // By the keyboard alone: to the picture's button, into the gallery, away with it.
      await page.focus('#panel-teach .thumb');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.gallery[open]');
      assert.equal(await page.evaluate(() => document.activeElement.checked), true);
      await page.focus(teach('gallery-remove'));
      await page.keyboard.press('Enter');
      await page.waitForFunction((where) => document.querySelector(where).textContent === '0 pictures', {}, '#panel-teach .class-count');
      await assertClean(page, complaints, server);
      await page.close();
    });
  });
}

describe('Teach that is disturbed', () => {
  let host;
  let server;
  before(async () => {
    [host, server] = await Promise.all([launch('chromium'), startServer()]);
  });
  after(() => Promise.all([host?.close(), server?.stop()]));

  it('goes on with a model that is started again, and begins anew where what was kept cannot be read', async () => {
    const { page } = await openPage(host.browser, `${server.url}?threads=1#teach`);
    await usable(page, 'teach');
    await page.waitForSelector(inputOf(1));
    await draw(page, inputOf(0), { kind: 'round', count: 5 });
    await draw(page, inputOf(1), { kind: 'square', count: 5 });
    await taught(page, 10);
    for (const worker of page.workers()) await worker.evaluate(() => globalThis.close());
    await draw(page, inputOf(1), { kind: 'square', count: 2, first: 6 });
    await page.locator('#panel-teach .problem:not([hidden]) button').click();
    await taught(page, 12);
    assert.deepEqual(await counts(page), ['5 pictures', '7 pictures']);
    assert.equal(await page.$$eval('#panel-teach .thumb img', (images) => images.filter(({ hidden }) => !hidden).length), 12);

    await page.waitForFunction((kept) => document.querySelector(kept).textContent === 'Kept on this device.', {}, teach('kept'));
    // A second tab keeps nothing, so that it cannot spoil what the first has.
    const second = await openPage(host.browser, `${server.url}?threads=1#teach`);
    await usable(second.page, 'teach');
    await second.page.waitForFunction((kept) => document.querySelector(kept).textContent.includes('Another tab'), {}, teach('kept'));
    await second.page.close();

    await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('beit-wasm-teach');
      const handle = await folder.getFileHandle('project');
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      const stream = await handle.createWritable();
      await stream.write(bytes.subarray(0, bytes.length - 100));
      await stream.close();
    });
    await page.reload();
    await usable(page, 'teach');
    await page.waitForFunction(() => document.querySelector('#panel-teach .problem')?.checkVisibility());
    await page.locator(teach('clear')).click();
    await page.waitForFunction(() => !document.querySelector('#panel-teach .problem').checkVisibility());
    await draw(page, inputOf(0), { kind: 'round', count: 1 });
    await page.waitForFunction((where) => document.querySelector(where).textContent === '1 picture', {}, '#panel-teach .class-count');
    await page.close();
  });
});

describe('Teach with a camera', () => {
  let host;
  let server;
  before(async () => {
    [host, server] = await Promise.all([
      launch('chromium', ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']),
      startServer(),
    ]);
  });
  after(() => Promise.all([host?.close(), server?.stop()]));

  it('records while a button is held, by a pointer or a key, and answers live', async () => {
    const { page, complaints } = await openPage(host.browser, `${server.url}#teach`);
    await usable(page, 'teach');
    const record = await page.waitForSelector('#panel-teach .record');
    const pictures = (i) => page.$eval(`#panel-teach .class:nth-child(${i + 1}) .class-count`, (p) => Number.parseInt(p.textContent, 10));
    const has = (i, least) =>
      page.waitForFunction(
        (where, wanted) => Number.parseInt(document.querySelector(where).textContent, 10) >= wanted,
        {},
        `#panel-teach .class:nth-child(${i + 1}) .class-count`,
        least,
      );
    const box = await record.boundingBox();
    await page.mouse.move(box.x + 9, box.y + 9);
    await page.mouse.down();
    await has(0, 3);
    await page.mouse.up();
    await page.focus('#panel-teach .class:nth-child(2) .record');
    await page.keyboard.down('Space');
    await has(1, 3);
    await page.keyboard.up('Space');
    // While a key is held a pointer takes another class: that is recorded then, and ends with the pointer.
    await page.focus('#panel-teach .class:nth-child(1) .record');
    await page.keyboard.down('Space');
    await has(0, (await pictures(0)) + 1);
    const other = await (await page.$('#panel-teach .class:nth-child(2) .record')).boundingBox();
    await page.mouse.move(other.x + 9, other.y + 9);
    await page.mouse.down();
    await has(1, (await pictures(1)) + 2);
    await page.keyboard.up('Space');
    await page.mouse.up();
    await page.waitForFunction((labels) => document.querySelectorAll(`${labels} li`).length === 2, {}, teach('labels'));
    const before = [await pictures(0), await pictures(1)];
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.ok((await pictures(0)) + (await pictures(1)) - before[0] - before[1] <= 1, 'nothing is recorded any more');
    await screenshot(page, 'demo-teach-camera');
    await openTab(page, 'models');
    assert.equal(await page.$eval('#panel-teach video', (video) => video.srcObject), null, 'the camera is off with the tab');
    assert.deepEqual(complaints, []);
    await page.close();
  });
});
