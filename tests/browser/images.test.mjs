// Every kind of image that a browser has, in a worker and in the page: the same pixel values.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ENGINES, launch, openPage } from './support/browsers.mjs';
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

/** Runs in the page. Returns what the library says of each element, canvas and bitmap that shows nothing, too much, or another's. */
async function refusals({ worker, foreign }) {
  const { BeitImageProcessor } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const processor = await BeitImageProcessor.fromJSON({ size: 16, do_center_crop: false }, { worker });
  const loaded = (element) =>
    new Promise((resolve) => {
      element.onload = element.onerror = () => resolve(element);
    });
  const image = (src) => loaded(Object.assign(new Image(), { src }));
  const canvas = (width, height) => Object.assign(document.createElement('canvas'), { width, height });
  const element = await image(foreign);
  const tainted = canvas(4, 4);
  tainted.getContext('2d').drawImage(element, 0, 0);
  const given = {
    'no src': new Image(),
    'not found': await image('no-such-picture.png'),
    'no frame': document.createElement('video'),
    'no pixels': canvas(0, 30),
    'too large': canvas(100000, 100000),
    foreign: element,
    tainted,
    bitmap: await createImageBitmap(element),
  };
  const said = {};
  for (const [kind, what] of Object.entries(given)) {
    const outcome = await processor.preprocess(what).then(
      () => 'it was taken',
      ({ name, code, message }) => `${name} ${code} ${message}`,
    );
    said[kind] = outcome;
  }
  const { pixelValues } = await processor.preprocess(new ImageData(8, 8));
  await processor.dispose();
  return { said, works: pixelValues.dims };
}

const REFUSALS = {
  'no src': /the image element has no picture: set its src/,
  'not found': /the image element shows no picture: its file did not come/,
  'no frame': /the video has no frame to show yet: wait for its event loadeddata/,
  'no pixels': /the canvas has no pixels \(0 x 30\)/,
  'too large': /100000 x 100000/,
  foreign: /comes from another origin \(a server allows it by CORS/,
  tainted: /comes from another origin/,
  bitmap: /comes from another origin/,
};

/** Runs in the page. Returns the pixel values of a file, and of an element that shows it. */
async function transparentPixels({ worker, picture }) {
  const { BeitImageProcessor } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const processor = await BeitImageProcessor.fromJSON({ do_resize: false, do_center_crop: false }, { worker });
  const values = async (given) => [...(await processor.preprocess(given)).pixelValues.data];
  const element = Object.assign(new Image(), { src: picture });
  const all = { file: await values(picture), element: await values(element), again: await values(element) };
  await processor.dispose();
  return all;
}

for (const name of ENGINES) {
  describe(`what cannot be drawn, in ${name}`, () => {
    let host;
    let server;
    let foreign;
    before(async () => {
      foreign = await startServer({ isolated: false });
      const rules = `default-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: ${new URL(foreign.url).origin}`;
      [host, server] = await Promise.all([launch(name), startServer({ isolated: false, rules })]);
    });
    after(() => Promise.all([host?.close(), server?.stop(), foreign?.stop()]));

    for (const worker of [true, false]) {
      it(`is told why, ${worker ? 'in a worker' : 'in the page itself'}`, async () => {
        const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
        const { said, works } = await page.evaluate(refusals, {
          worker,
          foreign: `${foreign.url}fixtures/images/rgb.png`,
        });
        for (const [kind, sentence] of Object.entries(REFUSALS)) {
          assert.match(said[kind], /^BeitError bad-image /, kind);
          assert.match(said[kind], sentence, kind);
        }
        assert.deepEqual(works, [1, 3, 16, 16]);
        await page.close();
      });

      // WebKit has multiplied them with alpha before anything can read them.
      if (name === 'webkit') continue;
      it(`gives an element's transparent pixels the colours of its file, ${worker ? 'in a worker' : 'in the page itself'}`, async () => {
        const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
        const { file, element, again } = await page.evaluate(transparentPixels, {
          worker,
          picture: `${server.url}fixtures/images/transparent.png`,
        });
        assert.deepEqual(element, file);
        assert.deepEqual(again, file);
        await page.close();
      });
    }
  });

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
