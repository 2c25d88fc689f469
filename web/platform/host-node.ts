import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { clauseOf } from '../base/errors.js';
import type { Host } from '../core/capabilities.js';
import type { FindGpu } from '../engine/gpu.js';
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

// Joined, for bundlers not to look for a package that need not be there.
const WEBGPU = ['web', 'gpu'].join('');

let system: GPU | undefined;

/** Deno has WebGPU, Node by a package. */
export const nodeGpu: FindGpu = async () => {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu) return navigator.gpu;
  if (system) return system;
  try {
    const { create } = (await import(WEBGPU)) as { create(flags: string[]): GPU };
    // Kept for as long as the thread lives: its devices end with it.
    system = create([]);
    return system;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    if (missing) return 'Node has WebGPU by the package webgpu, which is not installed (npm install webgpu)';
    return `the package webgpu cannot be used (${clauseOf(error)})`;
  }
};

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // no such file, or not for us: then nothing is known of a quota
  }
}
