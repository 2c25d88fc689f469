// Pictures of many sizes and formats, drawn by chance, some of them damaged.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePng } from '../../dist/cli/png.js';
import { root } from '../../tools/places.mjs';

/** Returns numbers from 0 to 1, the same for the same seed. */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const samples = join(root, 'demo/samples');
const jpegs = readdirSync(samples)
  .filter((name) => name.endsWith('.jpg'))
  .sort()
  .map((name) => readFileSync(join(samples, name)));

const FORMATS = {
  jpeg: (random) => jpegs[Math.floor(random() * jpegs.length)],
  png: (random) => writePng(drawn(random, [1, 3, 4])),
  ppm: (random) => {
    const { width, height, data } = drawn(random, [3]);
    return Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), data]);
  },
  // Samples of one channel fit no model of three.
  raw: (random) => drawn(random, [3, 4]),
};

const side = (random) => 1 + Math.floor(random() * 300);

function drawn(random, channelCounts) {
  const [width, height] = [side(random), side(random)];
  const channels = channelCounts[Math.floor(random() * channelCounts.length)];
  const [a, b] = [1 + random() * 9, 1 + random() * 9];
  return { width, height, channels, data: Uint8Array.from({ length: width * height * channels }, (_, i) => a * i + (b * i) / width) };
}

/** Returns { picture, damaged }: `share` of them are damaged, cut short or overwritten. */
export function drawPicture(random, share = 0.01) {
  const names = Object.keys(FORMATS);
  const picture = FORMATS[names[Math.floor(random() * names.length)]](random);
  if (random() >= share || !(picture instanceof Uint8Array)) return { picture, damaged: false };
  const bytes = new Uint8Array(picture.subarray(0, 1 + Math.floor(random() * (picture.length - 1))));
  bytes.fill(0, 0, 8);
  return { picture: bytes, damaged: true };
}

/** Writes so many pictures, a twentieth of them damaged, into a folder; returns their paths. */
export function writePictures(folder, random, count) {
  return Array.from({ length: count }, (_, i) => {
    const path = join(folder, `${i}.img`);
    for (;;) {
      const { picture } = drawPicture(random, 0.05);
      if (!(picture instanceof Uint8Array)) continue;
      writeFileSync(path, picture);
      return path;
    }
  });
}
