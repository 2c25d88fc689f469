/** Image files to samples: the core's decoder first, which gives the same everywhere; then the modules codecs and avif; then the browser. */
import { BeitError, failure, fromCoreError, mismatch, sentenceOf, type CoreError, type Outcome } from '../base/errors.js';
import type { RawImage } from '../base/tensors.js';
import { decodeWith, type DecoderAddresses } from '../core/decoders.js';
import { drawPixels } from './drawables.js';
import type { LateModules } from './late-modules.js';
import { withoutAlpha } from './pixels.js';

/** Which module reads what the core names so; besides, `codecs` reads the JPEGs that the core does not. */
const MODULES: Record<string, keyof DecoderAddresses> = { WebP: 'codecs', TIFF: 'codecs', AVIF: 'avif', 'HEIC or AVIF': 'avif' };
const EXPECTED = 'PNG, JPEG, BMP, GIF, PNM, TIFF or WebP, as which it can be saved anew';
/** AVIF has a package of its own, since most have none of it. */
const AVIF_EXPECTED = `${EXPECTED}, or the package that reads AVIF ("npm install beit-wasm-avif"; a page imports it)`;

/** What some browsers read, as the core calls it: not every one looks at a file's first bytes. */
const MEDIA_TYPES: Record<string, string> = {
  AVIF: 'image/avif',
  HEIC: 'image/heic',
  'JPEG XL': 'image/jxl',
  'JPEG 2000': 'image/jp2',
  TIFF: 'image/tiff',
  WebP: 'image/webp',
  'such a JPEG': 'image/jpeg',
  ICO: 'image/x-icon',
};

export class ImageFiles {
  constructor(
    private readonly addresses: DecoderAddresses,
    private readonly modules: LateModules,
  ) {}

  /** Returns what `own` has the core make of a file, or the samples that others give. Throws errors that begin with `label`. */
  async decode<T>(bytes: Uint8Array, label: string, own: () => Outcome<T>): Promise<T | RawImage> {
    const first = own();
    if (first.ok) return first.value;
    // What is wrong with a processor's config is not the file's.
    if (first.error.code === 'wrong-shape' || first.error.code === 'invalid-argument') throw fromCoreError(first.error);
    let reason = labelled(first.error, label);
    // A JPEG that the core holds for damaged may be one in which others look past the damage.
    const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
    const isDamagedJpeg = isJpeg && reason.code === 'bad-image';
    if (reason.code !== 'unsupported' && !isDamagedJpeg) throw reason;
    const format = isJpeg ? 'such a JPEG' : reason.got;
    const name = isJpeg ? 'codecs' : MODULES[format];
    const address = name && this.addresses[name];
    if (address) {
      try {
        const second = decodeWith(await this.modules.get(address), bytes);
        if (second.ok) return second.value;
        reason = labelled(second.error, label);
        // A browser shows of a damaged file what is left, which is another picture.
        if (reason.code !== 'unsupported') throw reason;
      } catch (error) {
        if (error === reason) throw error;
        if (isDamagedJpeg) throw reason;
        reason = failure('unsupported', label || 'image', `the decoder for ${format} cannot be had (${sentenceOf(error)})`, error);
      }
    } else {
      reason = mismatch('unsupported', label || 'image', format, name === 'avif' ? AVIF_EXPECTED : EXPECTED);
    }
    const shown = await decodeInBrowser(bytes, MEDIA_TYPES[format] ?? '', label || 'image');
    if (shown) return shown;
    throw reason;
  }
}

/** Returns what this browser makes of a file; null where it cannot, or this is none. */
async function decodeInBrowser(bytes: Uint8Array, type: string, where: string): Promise<RawImage | null> {
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') return null;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), {
      colorSpaceConversion: 'none', // as Pillow, which leaves profiles alone
      premultiplyAlpha: 'none',
    });
  } catch {
    return null; // it has no decoder for it
  }
  try {
    return withoutAlpha(await drawPixels(bitmap, where), 3);
  } finally {
    bitmap.close();
  }
}

/** Returns an error of a decoder with the picture's name, where it has one. */
function labelled({ code, message, where, got, expected }: CoreError, label: string): BeitError {
  return new BeitError(code, label && !message.startsWith(label) ? `${label}: ${message}` : message, {
    where: label || where,
    got,
    expected,
  });
}
