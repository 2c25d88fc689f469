// The declarations that the package ships, against a user's strict TypeScript.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { root } from './support.mjs';

const PROJECTS = [
  ['page', 'tsconfig.json'],
  ['server without DOM', 'tsconfig.server.json'],
  ['worker', 'tsconfig.worker.json'],
];

for (const [name, project] of PROJECTS) {
  test(`a user's ${name} type-checks, and its mistakes do not`, () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tests/node/consumer', project)], { encoding: 'utf8' });
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });
}
