/**
 * Modules that have no JavaScript of their own (bindings/decoder_module.cpp, bindings/teaching_module.cpp), so that a service worker can
 * have them. Each call gets an instance, whose memory goes with it.
 */
import { failure, packError, sentenceOf, type CoreError, type ErrorCode, type Outcome } from '../base/errors.js';

export interface PlainExports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  /** Room for an argument; 0 where there is no memory. */
  allocate(bytes: number): number;
}

/** Does work in a new instance. `name` is what stopped, where it traps; `where` begins the error. */
export function inInstance<Exports extends PlainExports, Value>(
  module: WebAssembly.Module,
  { name, where }: { name: string; where: string },
  work: (exports: Exports) => Outcome<Value>,
): Outcome<Value> {
  try {
    const instance = new WebAssembly.Instance(module, { env: { emscripten_notify_memory_growth: () => undefined } });
    const exports = instance.exports as unknown as Exports;
    exports._initialize();
    return work(exports);
  } catch (error) {
    const code = error instanceof RangeError ? 'out-of-memory' : 'internal';
    return { ok: false, error: packError(failure(code, where, `${name} stopped (${sentenceOf(error)})`, error)) };
  }
}

/** Returns the error whose texts (ErrorTexts of bindings/module_answer.h) begin at a word of the answer. */
export function errorAt({ memory }: PlainExports, words: Uint32Array, first: number): CoreError {
  const text = (index: number): string =>
    new TextDecoder().decode(new Uint8Array(memory.buffer, words[first + 2 * index], words[first + 2 * index + 1]!).slice());
  return { code: text(0) as ErrorCode, message: text(1), where: text(2), got: text(3), expected: text(4) };
}
