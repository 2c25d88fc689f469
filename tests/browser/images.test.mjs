// Every kind of image that a browser has, in a worker and in the page: the same pixel values.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BROWSERS, launch, openPage } from './support/browsers.mjs';
import { startServer } from './support/server.mjs';

// Drawing may round colours once on its way: two of 255 steps, scaled to the processor's [-1, 1].
const MOST_DIFFERENCE = (2 * 2) / 255;

/** Runs in the page. Returns, for each kind, the largest difference to the raw samples. */
async function compareKinds({ worker, picture }) {
  const { BeitImageProcessor } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const processor = await BeitImageProcessor.fromJSON({ size: 16, do_center_crop: false }, { worker });
  const [width, height] = [40, 30];
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; ++i) image.data.set([(i * 7) % 256, (i * 3) % 256, i % 256, 255], i * 4);
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  canvas.getContext('2d').putImageData(image, 0, 0);
  const offscreen = new OffscreenCanvas(width, height);
  offscreen.getContext('2d').putImageData(image, 0, 0);
  const bitmap = await createImageBitmap(image);
  const kinds = { ImageData: image, canvas, offscreen, bitmap, png: await new Promise((resolve) => canvas.toBlob(resolve, 'image/png')) };
  if (typeof VideoFrame === 'function') kinds.frame = new VideoFrame(canvas, { timestamp: 0 });
  const raw = { width, height, channels: 4, data: image.data };
  const difference = async (given, expected) => {
    const { pixelValues: a } = await processor.preprocess(given);
    const { pixelValues: b } = await processor.preprocess(expected);
    return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0);
  };
  const differences = {};
  for (const [kind, given] of Object.entries(kinds)) differences[kind] = await difference(given, raw);
  const element = Object.assign(new Image(), { src: picture });
  differences.element = await difference(element, picture);
  const other = new ImageData(width, height);
  const facts = {
    differences,
    changed: await difference(other, raw),
    bitmapWidth: bitmap.width,
    samples: image.data.length,
    closed: await (async () => {
      bitmap.close();
      return processor.preprocess(bitmap).then(
        () => 'no error',
        (error) => error.code ?? error.name,
      );
    })(),
  };
  kinds.frame?.close();
  await processor.dispose();
  return facts;
}

for (const name of Object.keys(BROWSERS)) {
  describe(`images in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer({ isolated: true })]);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    for (const worker of [true, false]) {
      it(`every kind gives the same pixel values, ${worker ? 'in a worker' : 'in the page itself'}`, async () => {
        const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
        const picture = `${server.url}fixtures/images/rgb.png`;
        const facts = await page.evaluate(compareKinds, { worker, picture });
        for (const kind of ['ImageData', 'canvas', 'offscreen', 'bitmap', 'png', 'element']) {
          assert.ok(facts.differences[kind] <= MOST_DIFFERENCE, `${kind}: ${facts.differences[kind]}`);
        }
        assert.ok(!(facts.differences.frame > MOST_DIFFERENCE), `frame: ${facts.differences.frame}`);
        assert.equal(facts.differences.ImageData, 0);
        assert.equal(facts.differences.png, 0);
        assert.ok(facts.changed > 0.5, 'another picture is another answer');
        assert.deepEqual([facts.bitmapWidth, facts.samples], [40, 4800], "the caller's image stays the caller's");
        assert.equal(facts.closed, 'bad-image');
        await page.close();
      });
    }
  });
}
