// The declarations that the package ships, against a user's strict TypeScript.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { root } from './support.mjs';

test('a user\'s page type-checks, and its mistakes do not', () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tests/node/consumer')], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});
