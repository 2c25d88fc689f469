// @ts-check
/** One zip of a few files, stored as they are: weights do not get smaller by it. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; ++bit) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = /** @type {number} */ (TABLE[(value ^ byte) & 255]) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

// Zip without its extension for 64 bits ends there.
const MOST_BYTES = 0xffffffff;

const UTF8_NAMES = 0x800;
const VERSION = 20;

/** Takes files as Teacher.save() writes them, and returns them as one. */
export class ZipFolder {
  /** @type {{ name: string, bytes: Uint8Array<ArrayBuffer> }[]} */
  #files = [];

  /**
   * @param {string} name
   * @param {number} size
   */
  async create(name, size) {
    const bytes = new Uint8Array(size);
    return {
      write: async (/** @type {number} */ position, /** @type {Uint8Array} */ data) => bytes.set(data, position),
      close: async () => void this.#files.push({ name, bytes }),
      abort: async () => undefined,
    };
  }

  /**
   * Returns the zip. Throws for more than 4 GB.
   * @param {Date} now
   */
  toBlob(now = new Date()) {
    const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
    const day = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const parts = [];
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const directory = [];
    let at = 0;
    for (const { name, bytes } of this.#files) {
      const text = new TextEncoder().encode(name);
      // What both headers have: versions, flags, method, time, day, sum, sizes, the name's length, no extra field.
      const facts = fields([
        [VERSION, 2],
        [UTF8_NAMES, 2],
        [0, 2],
        [time, 2],
        [day, 2],
        [crc32(bytes), 4],
        [bytes.length, 4],
        [bytes.length, 4],
        [text.length, 2],
        [0, 2],
      ]);
      const local = joined(fields([[0x04034b50, 4]]), facts, text);
      directory.push(
        joined(
          fields([
            [0x02014b50, 4],
            [VERSION, 2],
          ]),
          facts,
          fields([
            [0, 2],
            [0, 2],
            [0, 2],
            [0, 4],
            [at, 4],
          ]),
          text,
        ),
      );
      parts.push(local, bytes);
      at += local.length + bytes.length;
    }
    const size = directory.reduce((sum, { length }) => sum + length, 0);
    if (at + size > MOST_BYTES) throw new Error('A zip holds 4 GB at most: save it as a folder.');
    const count = this.#files.length;
    const end = fields([
      [0x06054b50, 4],
      [0, 2],
      [0, 2],
      [count, 2],
      [count, 2],
      [size, 4],
      [at, 4],
      [0, 2],
    ]);
    return new Blob([...parts, ...directory, end], { type: 'application/zip' });
  }
}

/**
 * Returns numbers, each in so many bytes, lowest first.
 * @param {ReadonlyArray<readonly [value: number, size: number]>} list
 */
function fields(list) {
  return Uint8Array.from(list.flatMap(([value, size]) => Array.from({ length: size }, (_, i) => (value / 2 ** (8 * i)) & 255)));
}

/** @param {Uint8Array[]} parts */
function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
