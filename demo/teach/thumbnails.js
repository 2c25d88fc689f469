// @ts-check
/** Small copies of the pictures, to be looked at and to train with: of the pictures themselves nothing else is kept. */
import { contextOf, make } from '../page/dom.js';

// What a model of 224 pixels cuts its crops from; small ones take less.
const SHORTER_SIDE = 256;
const QUALITY = 0.9;
// What is as small as that anyway is kept as it is.
const SMALL_BYTES = 65536;
const KNOWN = ['image/jpeg', 'image/png', 'image/webp'];

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
  /** Packs that are whole, by their numbers. @type {Map<number, Blob>} */
  #packs = new Map();
  /** What the next pack will be of. @type {Blob[]} */
  #loose = [];
  #bytes = 0;
  #next = 0;
  /** @type {((number: number, pack: Blob) => Promise<Blob>) | null} */
  #write = null;

  /** @param {(number: number, pack: Blob) => Promise<Blob>} write keeps a pack, and returns it as it is kept */
  keepBy(write) {
    this.#write = write;
  }

  /** The numbers of all packs. */
  get packs() {
    return [...this.#packs.keys()];
  }

  /**
   * Takes a pack that was kept.
   * @param {number} number
   * @param {Blob} pack
   */
  restore(number, pack) {
    this.#packs.set(number, pack);
    this.#next = Math.max(this.#next, number + 1);
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
    return { pack: this.#next, from, to: this.#bytes };
  }

  /** Makes a pack of what has come since the last one. */
  async pack() {
    if (this.#loose.length === 0) return;
    const number = this.#next++;
    const pack = new Blob(this.#loose);
    this.#packs.set(number, pack);
    [this.#loose, this.#bytes] = [[], 0];
    if (this.#write) this.#packs.set(number, await this.#write(number, pack));
  }

  /**
   * @param {Place} place
   * @returns {Blob | null}
   */
  get(place) {
    if (!place) return null;
    const { pack, from, to } = place;
    const blob = this.#packs.get(pack);
    if (blob) return blob.slice(from, to, 'image/jpeg');
    let at = 0;
    for (const loose of this.#loose) {
      if (at === from) return loose;
      at += loose.size;
    }
    return null;
  }

  /**
   * Puts the copies that are still wanted into one pack. Returns their new places, in the same order.
   * @param {readonly Place[]} wanted
   * @returns {Promise<Place[]>}
   */
  async repack(wanted) {
    const blobs = wanted.map((place) => this.get(place));
    const number = ++this.#next;
    this.#packs = new Map();
    [this.#loose, this.#bytes] = [[], 0];
    this.#next = number;
    const places = blobs.map((blob) => this.add(blob));
    await this.pack();
    return places;
  }
}
