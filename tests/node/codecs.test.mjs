// The modules codecs and avif: files that the core leaves to others.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { decodeWith } from '../../dist/core/decoders.js';
import { createEngine, pipeline } from '../../dist/node.js';
import { afterwards, fileServer, rejects, root, serve } from './support.mjs';

const folder = join(root, 'tests/fixtures/codecs');
const bytesOf = (path) => new Uint8Array(readFileSync(join(root, path)));
const read = (name) => bytesOf(`tests/fixtures/codecs/${name}`);
const readAvif = (name) => bytesOf(`tests/fixtures/avif/${name}`);
const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const pillow = Object.entries(await engine.readTensors(read('decoded.safetensors')));

test('files have the samples that Pillow gives', async (t) => {
  assert.ok(pillow.length >= 43);
  const module = await WebAssembly.compile(readFileSync(join(root, 'dist/wasm/beit-codecs.wasm')));
  for (const [name, { dims, data }] of pillow) {
    await t.test(name, async () => {
      const outcome = decodeWith(module, read(name));
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

test('AVIF has the samples that Pillow gives, by the package beside this one', async (t) => {
  const expected = Object.entries(await engine.readTensors(readAvif('decoded.safetensors')));
  assert.ok(expected.length >= 11);
  for (const [name, { dims, data }] of expected) {
    await t.test(name, async () => {
      const image = await engine.decodeImage(readAvif(name), name);
      assert.deepEqual([image.height, image.width, image.channels], dims);
      assert.deepEqual(Buffer.from(image.data), Buffer.from(data));
    });
  }
});

test('AVIF without its package is refused with what to install', async (t) => {
  const { LocalEngine } = await import('../../dist/engine/local.js');
  const { settingsOf } = await import('../../dist/api/engines.js');
  const { nodeHost } = await import('../../dist/platform/host-node.js');
  const settings = settingsOf({ build: 'simd' });
  assert.match(settings.decoders.avif, /\/beit-avif\.wasm$/);
  const own = await LocalEngine.create({ ...settings, decoders: { ...settings.decoders, avif: null } }, nodeHost(), false);
  afterwards(t, () => own.dispose());
  await rejects(own.decodeImage(readAvif('444.avif'), 'a.avif'), 'unsupported', /^a\.avif: got AVIF, .*npm install beit-wasm-avif/);
});

test('a JPEG that lacks more than its end marker is refused', async () => {
  const whole = read('no-end.jpg');
  for (const less of [1, 2, 3, 8, 100, 300]) {
    await rejects(engine.decodeImage(whole.subarray(0, whole.length - less), 'a.jpg'), 'bad-image', /^a\.jpg: .*cut off\.$/);
  }
});

test('a WebP is classified as the same samples are', async (t) => {
  const classify = await pipeline('image-classification', undefined, { engine });
  afterwards(t, () => classify.dispose());
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
  const settings = settingsOf({ build: 'simd' });
  const own = await LocalEngine.create(
    { ...settings, decoders: { ...settings.decoders, codecs: `${base}beit-codecs.wasm` } },
    nodeHost(),
    false,
  );
  afterwards(t, () => own.dispose());
  await own.decodeImage(new Uint8Array(readFileSync(join(root, 'tests/fixtures/images/rgb.png'))), 'rgb.png');
  assert.deepEqual(asked, []);
  await own.decodeImage(read('lossy.webp'), 'lossy.webp');
  await own.decodeImage(read('lossless.webp'), 'lossless.webp');
  assert.equal(asked.length, 1);

  const without = await LocalEngine.create(
    { ...settings, decoders: { ...settings.decoders, codecs: `${base}absent.wasm` } },
    nodeHost(),
    false,
  );
  afterwards(t, () => without.dispose());
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
  await rejects(engine.decodeImage(readAvif('444.avif').subarray(0, 200), 'a.avif'), 'bad-image', /^a\.avif: .*cut off\.$/);
  const tiff = read('grey.tif');
  await rejects(engine.decodeImage(tiff.subarray(0, tiff.length - 1), 'a.tif'), 'bad-image', /^a\.tif: .*cut off\.$/);
  // 16383 x 16383 pixels, 0.8 GB, in a header of 30 bytes: nothing is allocated that is not there.
  const bomb = new Uint8Array(30);
  bomb.set(new TextEncoder().encode('RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0'));
  bomb.fill(0xff, 24);
  await rejects(engine.decodeImage(bomb, 'bomb.webp'), 'bad-image', /bomb\.webp/);
});
