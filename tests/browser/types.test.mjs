// The page against the library's own types.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { root } from '../../tools/places.mjs';

it('the demo uses the library as its types say', () => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, 'demo')], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});
