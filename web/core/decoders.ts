/**
 * The modules `codecs` and `avif` (bindings/decoder_module.cpp): decoders of image files that the core leaves to others. They have no
 * JavaScript of their own, so that a service worker can have them. Each file gets an instance, whose memory goes with it.
 */
import { failure, packError, sentenceOf, type ErrorCode, type Outcome } from '../base/errors.js';
import type { CoreImage } from './core.js';

/** Where the modules of decoders are; null where the package that has one is not known. */
export interface DecoderAddresses {
  codecs: string;
  avif: string | null;
}

interface DecoderExports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  /** Room for a file; 0 where there is no memory. */
  allocate(bytes: number): number;
  /** A pointer to the Answer of decoder_module.cpp. */
  decode(pointer: number, bytes: number): number;
}

/** Returns the image of a file, with memory of its own: three channels, upright. */
export function decodeWith(module: WebAssembly.Module, bytes: Uint8Array): Outcome<CoreImage> {
  try {
    const instance = new WebAssembly.Instance(module, { env: { emscripten_notify_memory_growth: () => undefined } });
    return decodeIn(instance.exports as unknown as DecoderExports, bytes);
  } catch (error) {
    const memoryIsOut = error instanceof RangeError;
    return {
      ok: false,
      error: packError(failure(memoryIsOut ? 'out-of-memory' : 'internal', 'image', `its decoder stopped (${sentenceOf(error)})`, error)),
    };
  }
}

function decodeIn(decoder: DecoderExports, bytes: Uint8Array): Outcome<CoreImage> {
  decoder._initialize();
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
  const text = (index: number): string =>
    new TextDecoder().decode(new Uint8Array(decoder.memory.buffer, words[index], words[index + 1]!).slice());
  return { ok: false, error: { code: text(5) as ErrorCode, message: text(7), where: text(9), got: text(11), expected: text(13) } };
}
