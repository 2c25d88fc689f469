// Teaching labels by strokes in the tab Segment, end to end: painting by mouse and by keyboard, answers, undoing, and what is kept.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createEngine, SegmentationTeacher } from '../../dist/node.js';
import { drawGround, strokesOn } from './pages/ground.js';
import { BROWSERS, launch, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answered, part, usable } from './support/demo.mjs';
import { downloadOf } from './support/downloads.mjs';
import { root, startServer } from './support/server.mjs';

const segment = (name) => part('segment', name);
const BRUSH = '#panel-segment .brush';
const picture = drawGround(1);

/** Gives the page a picture of grounds, as a file is chosen. */
const give = (page, name, { width, height, data }) =>
  page.evaluate(
    async (called, w, h, samples) => {
      const canvas = new OffscreenCanvas(w, h);
      const pixels = new ImageData(w, h);
      for (let i = 0; i < w * h; ++i) pixels.data.set([samples[3 * i], samples[3 * i + 1], samples[3 * i + 2], 255], 4 * i);
      canvas.getContext('2d').putImageData(pixels, 0, 0);
      const files = new DataTransfer();
      files.items.add(new File([await canvas.convertToBlob()], called, { type: 'image/png' }));
      const input = document.querySelector('#file');
      input.files = files.files;
      input.dispatchEvent(new Event('change'));
    },
    name,
    width,
    height,
    [...data],
  );

/** Paints as a hand does, with the mouse. */
async function paint(page, points) {
  const box = await page.$eval(BRUSH, (canvas) => {
    canvas.scrollIntoView({ block: 'center' });
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return { left, top, width, height };
  });
  const at = ([x, y]) => [box.left + (x / picture.width) * box.width, box.top + (y / picture.height) * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 4 });
  await page.mouse.up();
}

/** Waits until labels have so many strokes. */
const until = (page, wanted) =>
  page.waitForFunction(
    (texts) => [...document.querySelectorAll('#panel-segment .stroke-label .count')].map((one) => one.textContent).join() === texts,
    {},
    wanted.join(),
  );
const verdict = (page, words) =>
  page.waitForFunction((where, text) => document.querySelector(where)?.textContent.includes(text), {}, segment('strokes-verdict'), words);
const kept = (page) =>
  page.waitForFunction((where) => document.querySelector(where)?.textContent === 'Kept on this device.', {}, segment('strokes-kept'));

/** Returns the share of pixels whose colour over the picture is that of their true label. */
const rightOf = (page, { truth, grounds }) =>
  page.evaluate(
    (where, labels, names) => {
      const canvas = document.querySelector(where);
      const colors = new Map(
        [...document.querySelectorAll('#panel-segment .stroke-label')].map((row) => [
          row.querySelector('.label-name').value,
          row.querySelector('.swatch').style.getPropertyValue('--color'),
        ]),
      );
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let right = 0;
      for (const [i, label] of labels.entries())
        right += colors.get(names[label]) === `rgb(${data[4 * i]} ${data[4 * i + 1]} ${data[4 * i + 2]})`;
      return right / labels.length;
    },
    '#panel-segment .overlay',
    [...truth],
    grounds,
  );

async function nameLabel(page, i, name) {
  await page.locator(`#panel-segment .stroke-label:nth-child(${i + 1}) .label-name`).click({ count: 3 });
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
}

/** Opens the tab with the picture, and what paints on it. */
async function begin(page) {
  await usable(page, 'segment');
  await give(page, 'ground.png', picture);
  await answered(page, 'segment', 'ground.png');
  // On, off, and on again, while what paints is on its way: it comes once.
  await page.$eval(segment('teach'), (button) => [1, 2, 3].forEach(() => button.click()));
  await page.waitForFunction((brush) => document.querySelector(brush)?.checkVisibility(), {}, BRUSH);
  assert.equal((await page.$$(segment('strokes-verdict'))).length, 1);
}

/** Runs in the page. Teaches the strokes of the first picture. Returns the project, and the labels of the second. */
async function teachHere(address) {
  const { createEngine: make, SegmentationTeacher: T } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const { drawGround: draw, strokesOn: strokes } = await import(new URL('ground.js', location.href).href);
  const engine = await make({ build: 'simd' });
  const teacher = await T.from(address, { engine });
  const first = draw(1);
  const map = await teacher.look(first);
  for (const stroke of strokes(first)) teacher.paint(map, stroke);
  const fit = await teacher.fit();
  const { labels } = await teacher.segment(draw(2));
  const project = teacher.project();
  const header = Number(new DataView(project.buffer).getBigUint64(0, true));
  await engine.dispose();
  return { fit, labels: [...labels], features: [...project.slice(8 + header)] };
}

for (const name of Object.keys(BROWSERS)) {
  describe(`strokes in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer()]);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    it('fits the head that Node fits, and labels as Node does', async () => {
      const engine = await createEngine({ build: 'simd' });
      const teacher = await SegmentationTeacher.from(join(root, 'weights/embedded/segmentation'), { engine });
      const map = await teacher.look(picture);
      for (const stroke of strokesOn(picture)) teacher.paint(map, stroke);
      const fit = await teacher.fit();
      const { labels } = await teacher.segment(drawGround(2));
      const project = teacher.project();
      const header = Number(new DataView(project.buffer).getBigUint64(0, true));
      await engine.dispose();
      const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
      const here = await page.evaluate(teachHere, `${server.url}beit-wasm/weights/embedded/segmentation/`);
      assert.deepEqual(here.fit, fit);
      assert.deepEqual(here.labels, [...labels]);
      assert.deepEqual(here.features, [...project.slice(8 + header)]);
      await page.close();
    });

    if (name !== 'chromium') return; // what the rest needs of a browser, the tab Teach is tried with
    it('answers after every stroke, takes steps back, goes on after a reload, and is taken along', async () => {
      const { page, complaints } = await openPage(host.browser, `${server.url}#segment`);
      page.on('dialog', (dialog) => dialog.accept());
      await begin(page);
      await page.locator(segment('add-label')).click();
      for (const [i, label] of picture.grounds.entries()) await nameLabel(page, i, label);
      const asked = server.sent.length;
      const strokes = strokesOn(picture);
      for (const [i, { label, points }] of strokes.entries()) {
        const k = picture.grounds.indexOf(label);
        await page.locator(`#panel-segment .stroke-label:nth-child(${k + 1}) .choice`).click();
        await paint(page, points);
        await until(
          page,
          picture.grounds.map((ground) => {
            const count = strokes.slice(0, i + 1).filter((stroke) => stroke.label === ground).length;
            return `${count} ${count === 1 ? 'stroke' : 'strokes'}`;
          }),
        );
      }
      await verdict(page, 'each judged without itself');
      await page.waitForFunction(() => document.querySelectorAll('#panel-segment .entry').length === 3);
      const right = await rightOf(page, picture);
      assert.ok(right > 0.85, `${right}`);
      assert.deepEqual(
        server.sent
          .slice(asked)
          .map(({ path }) => path)
          .filter((path) => !path.endsWith('beit-teaching.wasm')),
        [],
        'nothing leaves the page, and nothing else is asked for',
      );
      await screenshot(page, `demo-${name}-strokes`);

      await page.locator(segment('undo')).click();
      await until(page, ['2 strokes', '2 strokes', '1 stroke']);
      await verdict(page, 'With a second stroke of each label');
      // By keyboard: the third label, and a short stroke over the middle of the disc.
      await page.focus(BRUSH);
      await page.keyboard.press('3');
      const step = picture.width / 32;
      for (let x = picture.width / 2; Math.abs(x - picture.disc[0]) > step / 2; x += Math.sign(picture.disc[0] - x) * step)
        await page.keyboard.press(picture.disc[0] > x ? 'ArrowRight' : 'ArrowLeft');
      for (const key of [' ', 'ArrowDown', 'ArrowDown', ' ']) await page.keyboard.press(key);
      await until(page, ['2 strokes', '2 strokes', '2 strokes']);
      // The eraser takes it away again, and a step back brings it back.
      await page.keyboard.press('e');
      for (const key of [' ', 'ArrowUp', ' ']) await page.keyboard.press(key);
      await page.waitForFunction(
        () => !document.querySelector('#panel-segment .stroke-label:nth-child(3) .count').textContent.startsWith('2'),
      );
      await page.keyboard.press('u');
      await until(page, ['2 strokes', '2 strokes', '2 strokes']);

      await verdict(page, 'each judged without itself');
      // What is saved is a teacher elsewhere, too, and comes back after all has been forgotten.
      const [file, letters] = await downloadOf(page, segment('save-strokes'));
      assert.equal(file, 'strokes.safetensors');
      const teacher = await SegmentationTeacher.open(Uint8Array.from(Buffer.from(letters, 'base64')));
      await teacher.fit();
      const { labels: there } = await teacher.segment(picture);
      const names = teacher.labels;
      assert.ok(there.filter((id, i) => names[id] === picture.grounds[picture.truth[i]]).length / there.length > 0.85);
      await teacher.dispose();
      await page.locator(segment('clear-strokes')).click();
      await until(page, ['0 strokes', '0 strokes']);
      await page.evaluate((base64) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], 'strokes.safetensors'));
        const input = document.querySelector('#strokes-project');
        input.files = files.files;
        input.dispatchEvent(new Event('change'));
      }, letters);
      await until(page, ['2 strokes', '2 strokes', '2 strokes']);
      await verdict(page, 'each judged without itself');
      await kept(page);
      await page.reload();
      await begin(page);
      await until(page, ['2 strokes', '2 strokes', '2 strokes']);
      await page.waitForFunction(() => document.querySelectorAll('#panel-segment .entry').length === 3);
      assert.ok((await rightOf(page, picture)) > 0.85);
      const next = drawGround(2);
      await give(page, 'next.png', next);
      await answered(page, 'segment', 'next.png');
      await page.waitForFunction((brush) => document.querySelector(brush)?.checkVisibility(), {}, BRUSH);
      assert.ok((await rightOf(page, next)) > 0.8);

      // A label goes with its strokes on all pictures; the model itself answers when teaching is over.
      await page.locator('#panel-segment .stroke-label:nth-child(3) button').click();
      await until(page, ['2 strokes', '2 strokes']);
      await page.locator(segment('teach')).click();
      await answered(page, 'segment', 'next.png');
      assert.equal(await page.$eval('#strokes', (section) => section.checkVisibility()), false);
      await assertClean(page, complaints, server);
      await page.close();
    });
  });
}
