/** Writes PNG files (W3C's PNG specification, third edition); zlib is Node's. */
import { deflateSync } from 'node:zlib';
import { mismatch } from '../base/errors.js';

/** Samples, rows from the top. */
export interface PngImage {
  width: number;
  height: number;
  /** 1 grey, 3 RGB, 4 RGBA; 16-bit samples are grey only. */
  channels: number;
  data: Uint8Array | Uint8ClampedArray | Uint16Array;
  /** The colours that grey samples of 8 bits are numbers of, 1 to 256 of them: each sample has one. */
  palette?: ReadonlyArray<readonly [red: number, green: number, blue: number]>;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOR_TYPES: Record<number, number> = { 1: 0, 3: 2, 4: 6 };
const PALETTE_TYPE = 3;
const MOST_SIDE = 2 ** 31 - 1;
const FILTER_NONE = 0;
const FILTER_SUB = 1;

/** Returns the bytes of a PNG file. Throws invalid-argument or wrong-shape for what is no such image. */
export function writePng(image: PngImage): Uint8Array {
  const { width, height, channels, data, palette } = image;
  const sixteen = data instanceof Uint16Array;
  const type = palette ? PALETTE_TYPE : COLOR_TYPES[channels];
  if (![width, height].every((side) => Number.isInteger(side) && side >= 1 && side <= MOST_SIDE)) {
    throw mismatch('invalid-argument', 'PNG', `${width} x ${height} pixels`, '1 x 1 to 2^31 - 1 a side');
  }
  if (type === undefined || ((sixteen || palette) && channels !== 1) || (sixteen && palette)) {
    throw mismatch('invalid-argument', 'PNG', `${channels} channels of ${sixteen ? 16 : 8} bits`, '1, 3 or 4 of 8 bits, or 1 of 16 bits');
  }
  if (data.length !== width * height * channels)
    throw mismatch('wrong-shape', 'PNG', `${data.length} samples`, `${width * height * channels}`);
  if (palette && !(palette.length >= 1 && palette.length <= 256 && data.every((sample) => sample < palette.length))) {
    throw mismatch('invalid-argument', 'PNG', `a palette of ${palette.length} colours`, 'at most 256, one for each sample that occurs');
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = sixteen ? 16 : 8;
  header[9] = type;
  const parts = [
    SIGNATURE,
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', Uint8Array.from(palette.flat()))] : []),
    chunk('IDAT', deflateSync(scanlines(image, sixteen))),
    chunk('IEND', new Uint8Array(0)),
  ];
  return Buffer.concat(parts);
}

/** Returns the rows as they are compressed: numbers as they are, samples of pictures as differences to their left. */
function scanlines({ width, height, channels, data }: PngImage, sixteen: boolean): Uint8Array {
  const samples = width * channels;
  const bytes = samples * (sixteen ? 2 : 1);
  const rows = new Uint8Array(height * (bytes + 1));
  for (let y = 0, at = 0, from = 0; y < height; ++y, from += samples) {
    const filter = channels === 1 ? FILTER_NONE : FILTER_SUB;
    rows[at++] = filter;
    for (let x = 0; x < samples; ++x) {
      const sample = data[from + x]!;
      if (sixteen) rows[at++] = sample >> 8;
      rows[at++] = filter === FILTER_SUB && x >= channels ? sample - data[from + x - channels]! : sample;
    }
  }
  return rows;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; ++i) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; ++bit) remainder = remainder & 1 ? 0xedb88320 ^ (remainder >>> 1) : remainder >>> 1;
  return remainder;
});

// zlib.crc32() came with Node 20.15 only.
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
