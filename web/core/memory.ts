/** The linear memory of a core: as large a maximum as the engine gives. */
import { kindOf, mismatch, OutOfMemoryError, sentenceOf } from '../base/errors.js';

const PAGE_BYTES = 65536;
/** What the artefacts are linked with: -sINITIAL_MEMORY and -sMAXIMUM_MEMORY of bindings/CMakeLists.txt. */
const INITIAL_BYTES = 4 << 20;
export const MOST_MEMORY = 2 ** 32;
/** Below this not even the embedded classifier runs. */
export const LEAST_MEMORY = 16 << 20;

/** Throws invalid-argument for a maximum that cannot be one. */
export function checkMaximum(bytes: number): void {
  if (!Number.isFinite(bytes) || bytes < LEAST_MEMORY || bytes > MOST_MEMORY) {
    throw mismatch('invalid-argument', 'maximumMemory', kindOf(bytes), `bytes from ${LEAST_MEMORY} to ${MOST_MEMORY}`);
  }
}

/**
 * Returns a memory and its maximum, in bytes: `wanted`, or a half of it, a quarter, … A shared memory
 * takes its maximum as address space at once, which phones and 32-bit processes do not always have.
 * Throws out-of-memory when not even LEAST_MEMORY can be had.
 */
export function makeMemory(shared: boolean, wanted: number): { memory: WebAssembly.Memory; maximum: number } {
  for (let maximum = Math.floor(wanted / PAGE_BYTES) * PAGE_BYTES; ; maximum = Math.floor(maximum / 2 / PAGE_BYTES) * PAGE_BYTES) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL_BYTES / PAGE_BYTES, maximum: maximum / PAGE_BYTES, shared }), maximum };
    } catch (error) {
      if (!(error instanceof RangeError) || maximum / 2 < LEAST_MEMORY) {
        throw new OutOfMemoryError(`WebAssembly.Memory: the engine gives no ${maximum} bytes (${sentenceOf(error)}).`, {
          needed: maximum,
          available: 0,
          where: 'WebAssembly.Memory',
          cause: error,
        });
      }
    }
  }
}
