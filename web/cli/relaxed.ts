/** Node before 22 has relaxed SIMD behind a flag, which can only be given at its start. */
import { spawn } from 'node:child_process';
import { detectCapabilities } from '../core/capabilities.js';
import { nodeHost } from '../platform/host-node.js';

const FLAG = '--experimental-wasm-relaxed-simd';

/** Returns whether this Node needs the flag and does not have it. */
export function needsRelaxedFlag(): boolean {
  return !detectCapabilities(nodeHost()).relaxedSimd && !process.execArgv.includes(FLAG);
}

/** Runs the same command line in a Node with the flag, and returns its exit status. */
export function rerunWithRelaxedFlag(): Promise<number> {
  const { execPath, execArgv, argv } = process;
  const child = spawn(execPath, [FLAG, ...execArgv, ...argv.slice(1)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status, signal) => resolve(status ?? (signal ? 1 : 0)));
  });
}
