// The PNG writer of the command line: against the core's decoder, and chunk by chunk against zlib.
import assert from 'node:assert/strict';
import test from 'node:test';
import { inflateSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import { writePng } from '../../dist/cli/png.js';
import { colorOf, createEngine } from '../../dist/node.js';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

/** Returns the chunks of a PNG file as [type, data, crc]; fails unless they fill it exactly. */
function chunksOf(file) {
  assert.deepEqual([...file.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks = [];
  for (let at = 8; at < file.length; ) {
    const length = view.getUint32(at);
    const body = file.subarray(at + 4, at + 8 + length);
    chunks.push({ type: String.fromCharCode(...body.subarray(0, 4)), body, data: body.subarray(4), crc: view.getUint32(at + 8 + length) });
    at += 12 + length;
    assert.ok(at <= file.length);
  }
  return chunks;
}

// The same polynomial by long division, bit by bit, for a Node without zlib.crc32.
function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const ramp = (length, step) => Uint8Array.from({ length }, (_, i) => i * step + (i >> 4));
const images = {
  grey: { width: 5, height: 7, channels: 1, data: ramp(35, 37) },
  RGB: { width: 33, height: 9, channels: 3, data: ramp(891, 91) },
  RGBA: { width: 4, height: 3, channels: 4, data: ramp(48, 5) },
  'a palette': {
    width: 6,
    height: 2,
    channels: 1,
    data: Uint8Array.of(0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 255),
    palette: Array.from({ length: 256 }, (_, id) => colorOf(id)),
  },
  'one pixel': { width: 1, height: 1, channels: 3, data: Uint8ClampedArray.of(1, 2, 255) },
};

for (const [name, image] of Object.entries(images)) {
  test(`the core reads ${name} as it was written`, async () => {
    const decoded = await engine.decodeImage(writePng(image), name);
    assert.deepEqual([decoded.width, decoded.height], [image.width, image.height]);
    const { channels, data, palette } = image;
    for (let i = 0; i < image.width * image.height; ++i) {
      const expected = palette
        ? palette[data[i]]
        : channels === 1
          ? [data[i], data[i], data[i]]
          : [...data.subarray(i * channels, i * channels + 3)];
      assert.deepEqual([...decoded.data.subarray(i * 3, i * 3 + 3)], expected, `pixel ${i}`);
    }
  });
}

test('every chunk has its length, its checksum and its place', () => {
  for (const [name, image] of Object.entries(images)) {
    const chunks = chunksOf(writePng(image));
    assert.deepEqual(
      chunks.map(({ type }) => type),
      ['IHDR', ...(image.palette ? ['PLTE'] : []), 'IDAT', 'IEND'],
      name,
    );
    for (const { type, body, crc } of chunks) assert.equal(crc, crc32(body), `${name} ${type}`);
    const rows = inflateSync(chunks.at(-2).data);
    assert.equal(rows.length, image.height * (1 + image.width * image.channels));
  }
});

test('16 bits are kept, high byte first', () => {
  const data = Uint16Array.of(0, 1, 255, 256, 21840, 65535);
  const [header, { data: compressed }] = chunksOf(writePng({ width: 3, height: 2, channels: 1, data }));
  assert.deepEqual([...header.data], [0, 0, 0, 3, 0, 0, 0, 2, 16, 0, 0, 0, 0]);
  const rows = inflateSync(compressed);
  assert.deepEqual(
    [...data],
    [...data.keys()].map((i) => rows.readUInt16BE(Math.floor(i / 3) * 7 + 1 + (i % 3) * 2)),
  );
});

test('what is no image is refused', () => {
  const image = images.grey;
  for (const [changed, sentence] of [
    [{ width: 0 }, /0 x 7 pixels/],
    [{ height: 1.5 }, /5 x 1.5/],
    [{ channels: 2, data: ramp(70, 1) }, /2 channels/],
    [{ data: ramp(34, 1) }, /34 samples/],
    [{ channels: 3, data: new Uint16Array(105) }, /16 bits/],
    [{ palette: [[0, 0, 0]] }, /a palette of 1 colours/],
  ]) {
    assert.throws(
      () => writePng({ ...image, ...changed }),
      (error) => error.name === 'BeitError' && sentence.test(error.message),
      String(sentence),
    );
  }
});
