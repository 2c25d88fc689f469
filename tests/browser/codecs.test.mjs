// Files that the core leaves to others, in browsers: by the module codecs, which is fetched when the first one comes, and what
// that does not read by the browser itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ENGINES, launch, openPage } from './support/browsers.mjs';
import { root, startServer } from './support/server.mjs';

const MODULE = 'beit-wasm/dist/wasm/beit-codecs.wasm';

/** Returns a file of the fixtures as a page can have it: its address, and what Pillow makes of it. */
const named = (base, file, folder = 'codecs') => {
  const bytes = readFileSync(join(root, 'tests/fixtures', folder, 'decoded.safetensors'));
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { shape, data_offsets: range } = JSON.parse(bytes.subarray(8, start))[file];
  return { file: `${base}fixtures/${folder}/${file}`, shape, samples: [...bytes.subarray(start + range[0], start + range[1])] };
};

/** Runs in the page. Returns how far each picture's pixel values are from those of the samples, in levels of 255 at most. */
async function farthest({ worker, ordinary, files, avif }) {
  if (avif) await import(new URL('../beit-wasm-avif/index.js', location.href).href);
  const { BeitImageProcessor } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const processor = await BeitImageProcessor.fromJSON({ do_resize: false, do_center_crop: false }, { worker });
  for (const file of ordinary) await processor.preprocess(file);
  const differences = {};
  for (const { file, shape, samples } of files) {
    const [height, width, channels] = shape;
    const raw = { width, height, channels, data: Uint8Array.from(samples) };
    const outcome = await processor.preprocess(file).catch(({ message }) => message);
    if (typeof outcome === 'string') {
      differences[file] = outcome;
      continue;
    }
    const { pixelValues } = await processor.preprocess(raw);
    const { data } = outcome.pixelValues;
    const most = data.reduce((sum, value, i) => Math.max(sum, Math.abs(value - pixelValues.data[i])), 0);
    differences[file] = data.length === pixelValues.data.length ? Math.round(most * 127.5) : 'another size';
  }
  await processor.dispose();
  return differences;
}

/** Runs in the page. Returns what the library says of a file. */
async function refusal({ worker, file }) {
  const { BeitImageProcessor } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const processor = await BeitImageProcessor.fromJSON({}, { worker });
  const said = await processor.preprocess(new Blob([Uint8Array.from(file)])).then(
    () => 'it was taken',
    ({ name, code, message }) => `${name} ${code} ${message}`,
  );
  await processor.dispose();
  return said;
}

for (const name of ENGINES) {
  for (const isolated of name === 'webkit' ? [true] : [true, false]) {
    describe(`codecs in ${name}, ${isolated ? 'isolated' : 'not isolated'}`, () => {
      let host;
      let server;
      before(async () => {
        [host, server] = await Promise.all([launch(name), startServer({ isolated, headers: { 'Cache-Control': 'no-store' } })]); // each request is seen
      });
      after(() => Promise.all([host?.close(), server?.stop()]));
      const fetched = () => server.sent.filter(({ path }) => path === MODULE).length;

      for (const worker of [true, false]) {
        const where = worker ? 'in a worker' : 'in the page itself';
        it(`the module is fetched for the first file that needs it, and once, ${where}`, async () => {
          const { page, complaints } = await openPage(host.browser, `${server.url}tests/harness.html`);
          const ordinary = ['rgb.png', '420.jpg', 'progressive.jpg', 'palette.gif', 'rgb.bmp'].map(
            (file) => `${server.url}fixtures/images/${file}`,
          );
          const start = fetched();
          await page.evaluate(farthest, { worker, ordinary, files: [] });
          assert.equal(fetched(), start, 'for files that the core decodes');
          const files = [
            'lossy.webp',
            'alpha-lossless.webp',
            'animated.webp',
            'cmyk-adobe.jpg',
            'no-end.jpg',
            'tiles.tif',
            'grey-jpeg.tif',
          ];
          const differences = await page.evaluate(farthest, { worker, ordinary, files: files.map((file) => named(server.url, file)) });
          assert.deepEqual(
            Object.entries(differences).filter(([, levels]) => levels !== 0),
            [],
          );
          assert.equal(fetched(), start + 1);
          assert.deepEqual(complaints, []);
          assert.deepEqual(server.reports, []);
          await page.close();
        });

        it(`AVIF is the package's, where a page has it, ${where}`, async () => {
          const { page, complaints } = await openPage(host.browser, `${server.url}tests/harness.html`);
          const files = ['420-odd.avif', 'alpha.avif', 'grey.avif', 'exif5.avif'].map((file) => named(server.url, file, 'avif'));
          const differences = await page.evaluate(farthest, { worker, ordinary: [], files, avif: true });
          assert.deepEqual(
            Object.entries(differences).filter(([, levels]) => levels !== 0),
            [],
          );
          assert.deepEqual(complaints, []);
          assert.deepEqual(server.reports, []);
          await page.close();
        });

        it(`what it does not read the browser decodes, or a sentence says what it is, ${where}`, async () => {
          const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
          const start = fetched();
          const differences = await page.evaluate(farthest, {
            worker,
            ordinary: [],
            files: [named(server.url, 'lossless.avif', 'avif')],
          });
          // AVIF's own colours are rounded on their way to RGB.
          for (const [file, levels] of Object.entries(differences)) assert.ok(levels <= 4, `${file}: ${levels}`);
          assert.equal(fetched(), start);
          const whole = readFileSync(join(root, 'tests/fixtures/avif/lossless.avif'));
          for (const [file, format] of [
            [whole.subarray(0, 40), 'AVIF'],
            [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'), 'SVG'],
          ]) {
            const said = await page.evaluate(refusal, { worker, file: [...file] });
            assert.match(said, new RegExp(`^BeitError unsupported image: got ${format}, expected PNG, JPEG, .* or WebP`));
          }
          const damaged = readFileSync(join(root, 'tests/fixtures/codecs/lossy.webp')).subarray(0, 200);
          assert.match(await page.evaluate(refusal, { worker, file: [...damaged] }), /^BeitError bad-image .*cut off\.$/);
          await page.close();
        });
      }
    });
  }
}
