import { availableParallelism } from 'node:os';
import type { Host } from './capabilities.js';

/** Returns what a thread of this Node may do. */
export function nodeHost(): Host {
  return { kind: 'node', cores: Math.max(availableParallelism(), 1), mayBlock: true };
}
