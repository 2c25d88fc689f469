// The module codecs: files that the core leaves to others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { decodeWithCodecs } from '../../dist/core/codecs.js';
import { createEngine, pipeline } from '../../dist/node.js';
import { fileServer, rejects, root, serve } from './support.mjs';

const folder = join(root, 'tests/fixtures/codecs');
const read = (name) => new Uint8Array(readFileSync(join(folder, name)));
const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const pillow = Object.entries(await engine.readTensors(read('decoded.safetensors')));

test('files have the samples that Pillow gives', async (t) => {
  assert.ok(pillow.length >= 43);
  const module = await WebAssembly.compile(readFileSync(join(root, 'dist/wasm/beit-codecs.wasm')));
  for (const [name, { dims, data }] of pillow) {
    await t.test(name, async () => {
      const outcome = decodeWithCodecs(module, read(name));
      assert.ok(outcome.ok, outcome.error?.message);
      const images = [outcome.value];
      // What the core decodes by itself may differ by a few levels.
      if (name !== 'wide-tables.jpg') images.push(await engine.decodeImage(read(name), name));
      for (const image of images) {
        assert.deepEqual([image.height, image.width, image.channels], dims);
        assert.deepEqual(Buffer.from(image.data), Buffer.from(data));
      }
    });
  }
});

test('a JPEG that lacks more than its end marker is refused', async () => {
  const whole = read('no-end.jpg');
  for (const less of [1, 2, 3, 8, 100, 300]) {
    await rejects(engine.decodeImage(whole.subarray(0, whole.length - less), 'a.jpg'), 'bad-image', /^a\.jpg: .*cut off\.$/);
  }
});

test('a WebP is classified as the same samples are', async (t) => {
  const classify = await pipeline('image-classification', undefined, { engine });
  t.after(() => classify.dispose());
  const samples = await engine.decodeImage(read('lossy.webp'), '');
  assert.deepEqual(await classify(join(folder, 'lossy.webp')), await classify(samples));
});

test('the module is fetched when the first file needs it, and once', async (t) => {
  const asked = [];
  const wasm = new Uint8Array(readFileSync(join(root, 'dist/wasm/beit-codecs.wasm')));
  const { base } = await serve(t, (request, response) => {
    asked.push(request.url);
    return fileServer({ 'beit-codecs.wasm': wasm })(request, response);
  });
  const { LocalEngine } = await import('../../dist/engine/local.js');
  const { settingsOf } = await import('../../dist/api/engines.js');
  const { nodeHost } = await import('../../dist/platform/host-node.js');
  const own = await LocalEngine.create({ ...settingsOf({ build: 'simd' }), codecs: `${base}beit-codecs.wasm` }, nodeHost(), false);
  t.after(() => own.dispose());
  await own.decodeImage(new Uint8Array(readFileSync(join(root, 'tests/fixtures/images/rgb.png'))), 'rgb.png');
  assert.deepEqual(asked, []);
  await own.decodeImage(read('lossy.webp'), 'lossy.webp');
  await own.decodeImage(read('lossless.webp'), 'lossless.webp');
  assert.equal(asked.length, 1);

  const without = await LocalEngine.create({ ...settingsOf({ build: 'simd' }), codecs: `${base}absent.wasm` }, nodeHost(), false);
  t.after(() => without.dispose());
  await rejects(without.decodeImage(read('lossy.webp'), 'lossy.webp'), 'unsupported', /^lossy\.webp: the decoder for WebP .*404/);
});

test('what cannot be read is refused in a sentence', async () => {
  const whole = read('lossy.webp');
  for (const length of [12, 40, whole.length - 1]) {
    await rejects(engine.decodeImage(whole.subarray(0, length), 'a.webp'), 'bad-image', /^a\.webp: .*(cut off|damaged)\.$/);
  }
  const heic = new TextEncoder().encode('\0\0\0\x18ftypheic\0\0\0\0mif1heic');
  const expected = 'expected PNG, JPEG, BMP, GIF, PNM, TIFF or WebP, as which it can be saved anew\\.$';
  await rejects(engine.decodeImage(heic, 'a.heic'), 'unsupported', new RegExp(`^a\\.heic: got HEIC, ${expected}`));
  await rejects(engine.decodeImage(read('small.avif'), 'a.avif'), 'unsupported', new RegExp(`^a\\.avif: got AVIF, ${expected}`));
  const tiff = read('grey.tif');
  await rejects(engine.decodeImage(tiff.subarray(0, tiff.length - 1), 'a.tif'), 'bad-image', /^a\.tif: .*cut off\.$/);
  // 16383 x 16383 pixels, 0.8 GB, in a header of 30 bytes: nothing is allocated that is not there.
  const bomb = new Uint8Array(30);
  bomb.set(new TextEncoder().encode('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0'));
  bomb.fill(0xff, 24);
  await rejects(engine.decodeImage(bomb, 'bomb.webp'), 'bad-image', /bomb\.webp/);
});
