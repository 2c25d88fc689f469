/** Node 20 has relaxed SIMD behind a flag. */
import { setFlagsFromString } from 'node:v8';
import { detectCapabilities } from '../core/capabilities.js';
import { nodeHost } from '../platform/host-node.js';

const FLAG = '--experimental-wasm-relaxed-simd';

/**
 * Sets the flag where this Node needs it. V8 reads it whenever it compiles a module, in each thread; no other process is started, which would not hear
 * of the signals that this one gets.
 */
export function allowRelaxedSimd(): void {
  if (!detectCapabilities(nodeHost()).relaxedSimd) setFlagsFromString(FLAG);
}
