// @ts-check
/** Small copies of the pictures, to be looked at and to train with: of the pictures themselves nothing else is kept. */
import { contextOf, make } from '../page/dom.js';

// What a model of 224 pixels cuts its crops from; small ones take less.
const SHORTER_SIDE = 256;
const QUALITY = 0.9;
// What is as small as that anyway is kept as it is.
const SMALL_BYTES = 65536;
const KNOWN = ['image/jpeg', 'image/png', 'image/webp'];
const MOST_PACKS = 40;

/**
 * Where the small copy of a picture lies: in which pack, from where to where; null: this browser cannot show the picture.
 * @typedef {{ pack: number, from: number, to: number } | null} Place
 */

/**
 * Returns a small copy of a picture, or null where this browser cannot show it.
 * @param {Blob | ImageBitmap} image
 * @returns {Promise<Blob | null>}
 */
export async function thumbnailOf(image) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = image instanceof Blob ? await createImageBitmap(image) : image;
  } catch {
    return null;
  }
  const scale = Math.min(SHORTER_SIDE / Math.min(bitmap.width, bitmap.height), 1);
  if (image instanceof Blob && scale === 1 && image.size <= SMALL_BYTES && KNOWN.includes(image.type)) {
    bitmap.close();
    return new Blob([await image.arrayBuffer()]);
  }
  const canvas = make('canvas', {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  const context = contextOf(canvas);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (bitmap !== image) bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY));
}

/**
 * The small copies of all pictures, many in one Blob: one by one, ten thousand would be in memory for as long as the page is open.
 */
export class Thumbnails {
  /** Packs that are kept, where anything is, by their numbers. @type {Map<number, Blob>} */
  #packs = new Map();
  /** Packs that are whole, and not kept yet. @type {Map<number, Blob>} */
  #waiting = new Map();
  /** Packs that are kept, but could not be read: the next time they may be. @type {Set<number>} */
  #unread = new Set();
  /** What the next pack will be of. @type {Blob[]} */
  #loose = [];
  #bytes = 0;
  /** The number of the pack that the loose ones will be. */
  #number = 0;
  #next = 1;
  /** @type {((number: number, pack: Blob) => Promise<Blob>) | null} */
  #write = null;

  /** @param {(number: number, pack: Blob) => Promise<Blob>} write keeps a pack, and returns it as it is kept */
  keepBy(write) {
    this.#write = write;
  }

  /** The numbers of all packs that are kept, be they readable or not. */
  get packs() {
    return [...this.#packs.keys(), ...this.#unread];
  }

  /** Whether they are in so many packs that repack() is worth it. */
  get isScattered() {
    return this.#packs.size > MOST_PACKS;
  }

  /**
   * Takes a pack that was kept.
   * @param {number} number
   * @param {Blob | null} pack null: it could not be read
   */
  restore(number, pack) {
    if (pack) this.#packs.set(number, pack);
    else this.#unread.add(number);
    this.#number = Math.max(this.#number, number + 1);
    this.#next = this.#number + 1;
  }

  /**
   * @param {Blob | null} thumbnail
   * @returns {Place}
   */
  add(thumbnail) {
    if (!thumbnail) return null;
    const from = this.#bytes;
    this.#loose.push(thumbnail);
    this.#bytes += thumbnail.size;
    return { pack: this.#number, from, to: this.#bytes };
  }

  /** Makes a pack of what has come since the last one. Rejects where one cannot be kept, which the next call tries again. */
  async pack() {
    if (this.#loose.length > 0) {
      this.#waiting.set(this.#number, new Blob(this.#loose));
      [this.#loose, this.#bytes] = [[], 0];
      this.#number = this.#next++;
    }
    for (const [number, pack] of this.#waiting) {
      this.#packs.set(number, await this.#kept(number, pack));
      this.#waiting.delete(number);
    }
  }

  /**
   * @param {number} number
   * @param {Blob} pack
   */
  async #kept(number, pack) {
    return this.#write ? this.#write(number, pack) : pack;
  }

  /**
   * @param {Place} place
   * @returns {Blob | null}
   */
  get(place) {
    if (!place) return null;
    const { pack, from, to } = place;
    const blob = this.#packs.get(pack) ?? this.#waiting.get(pack);
    if (blob) return to <= blob.size ? blob.slice(from, to, 'image/jpeg') : null; // a file may have been cut off
    if (pack !== this.#number) return null;
    let at = 0;
    for (const loose of this.#loose) {
      if (at === from) return loose;
      at += loose.size;
    }
    return null;
  }

  /**
   * Puts the copies that are still wanted into one pack, but those that cannot be read, which stay where they are. Returns their new places, in
   * the same order. Where that pack cannot be kept, it rejects, and all is as it was.
   * @param {readonly Place[]} wanted
   * @returns {Promise<Place[]>}
   */
  async repack(wanted) {
    const number = this.#next++;
    /** @type {Blob[]} */
    const blobs = [];
    let bytes = 0;
    const places = wanted.map((place) => {
      const blob = this.get(place);
      if (!blob) return place && this.#unread.has(place.pack) ? place : null;
      blobs.push(blob);
      bytes += blob.size;
      return { pack: number, from: bytes - blob.size, to: bytes };
    });
    this.#packs = new Map([[number, await this.#kept(number, new Blob(blobs))]]);
    return places;
  }
}
