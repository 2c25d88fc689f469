/** The modules `codecs` and `avif` (bindings/decoder_module.cpp): decoders of image files that the core leaves to others. */
import { failure, packError, type Outcome } from '../base/errors.js';
import type { CoreImage } from './core.js';
import { errorAt, inInstance, type PlainExports } from './plain-module.js';

/** Where the modules of decoders are; null where the package that has one is not known. */
export interface DecoderAddresses {
  codecs: string;
  avif: string | null;
}

interface DecoderExports extends PlainExports {
  /** A pointer to the Answer of decoder_module.cpp. */
  decode(pointer: number, bytes: number): number;
}

/** Returns the image of a file, with memory of its own: three channels, upright. */
export function decodeWith(module: WebAssembly.Module, bytes: Uint8Array): Outcome<CoreImage> {
  return inInstance(module, { name: 'its decoder', where: 'image' }, (decoder: DecoderExports) => decodeIn(decoder, bytes));
}

function decodeIn(decoder: DecoderExports, bytes: Uint8Array): Outcome<CoreImage> {
  const file = decoder.allocate(bytes.length) >>> 0;
  if (file === 0) {
    return { ok: false, error: packError(failure('out-of-memory', 'image', `no memory for the ${bytes.length} bytes of its file`)) };
  }
  new Uint8Array(decoder.memory.buffer).set(bytes, file);
  const answer = decoder.decode(file, bytes.length) >>> 0;
  const words = new Uint32Array(decoder.memory.buffer, answer, 15);
  const [ok = 0, width = 0, height = 0, channels = 0, data = 0] = words;
  if (ok !== 0) {
    return {
      ok: true,
      value: { width, height, channels, data: new Uint8Array(decoder.memory.buffer, data, width * height * channels).slice() },
    };
  }
  return { ok: false, error: errorAt(decoder, words, 5) };
}
