// Runs a subject in a Node process of its own, so that its time and memory are its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { nodeFlags } from '../../node-flags.mjs';
import { root } from '../../places.mjs';
import { Failure } from '../../report.mjs';

/** Returns what subjects.js measured, with { peak, wasm }: bytes. `flags`: more of V8's. */
export function measureInNode(folders, subject, plan, flags) {
  const args = [subject, plan, folders].map((value) => JSON.stringify(value));
  const child = spawn(process.execPath, [
    ...nodeFlags,
    ...(flags?.split(' ') ?? []),
    join(root, 'tools', 'bench', 'peers', 'node-child.mjs'),
    ...args,
  ]);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(texts.stdout));
      else reject(new Failure(`${subject.name} in Node ended with status ${status}.\n${texts.stderr}`));
    });
  });
}
