import type { Host } from '../core/capabilities.js';

/** Returns what this thread of a browser (a page, or a worker of any kind) may do. */
export function browserHost(): Host {
  return {
    kind: 'browser',
    cores: Math.max(globalThis.navigator?.hardwareConcurrency ?? 1, 1),
    // Only windows have a document, and only windows may not block.
    mayBlock: typeof document === 'undefined',
  };
}
