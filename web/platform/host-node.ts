import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Host } from '../core/capabilities.js';
import { fetchBytes } from '../sources/http/source.js';
import { coresWithin, cpuQuota } from './cpu-quota.js';

/** Returns what a thread of this Node may do. */
export function nodeHost(): Host {
  const quota = process.platform === 'linux' ? cpuQuota(readText) : null;
  return { kind: 'node', cores: coresWithin(availableParallelism(), quota), mayBlock: true, workers: mayStartThreads() };
}

/** Returns what Node's permission model says, where that is switched on. */
export function mayStartThreads(): boolean {
  return process.permission?.has('worker') ?? true;
}

/** Returns the bytes of a file of the package, wherever `assets` says that it lies. */
export async function readNodeAsset(address: string): Promise<Uint8Array> {
  const url = new URL(address);
  return url.protocol === 'file:' ? readFile(url) : fetchBytes(url, null);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // no such file, or not for us: then nothing is known of a quota
  }
}
