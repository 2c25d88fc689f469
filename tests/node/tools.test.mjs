// The commands of a fresh clone: what runs before set-up has installed anything imports no package.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
let clone;

before(() => {
  clone = mkdtempSync(join(tmpdir(), 'beit-clone-')); // outside of the project, whose node_modules would be found
  for (const name of ['tools', 'package.json']) cpSync(join(root, name), join(clone, name), { recursive: true });
});

after(() => rmSync(clone, { recursive: true }));

const node = (...args) => spawnSync(process.execPath, args, { cwd: clone, encoding: 'utf8' });

test('npm start gets as far as its options in a clone without node_modules', () => {
  const { status, stderr } = node('tools/start.mjs', '--no-such-option');
  assert.match(stderr, /Unknown option '--no-such-option'/);
  assert.equal(status, 1);
});

test('npm test lists its suites in a clone without node_modules', () => {
  const { status, stdout, stderr } = node('tools/test.mjs', '--list');
  assert.equal(stderr, '');
  assert.match(stdout, /^node$/m);
  assert.equal(status, 0);
});

for (const command of ['build', 'setup', 'serve']) {
  test(`tools/${command}.mjs loads in a clone without node_modules`, () => {
    const { status, stderr } = node('--input-type=module', '--eval', `await import('./tools/${command}.mjs')`);
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });
}

test('benchmarks find what they import of dist/', async () => {
  const { startCore } = await import('../../tools/bench/core.mjs');
  const core = await startCore('simd', 1);
  assert.equal(typeof core.createCheckpoint, 'function');
});

test('a program with a limit is ended with all that it has started, and says so', async () => {
  const { run } = await import('../../tools/report.mjs');
  const begun = performance.now();
  const { status, output } = await run('sh', ['-c', 'echo begun; sleep 60 & sleep 60'], { minutes: 0.02, allowFailure: true });
  assert.notEqual(status, 0);
  assert.equal(output, 'begun\n\nIt was ended, since it ran for 0.02 minutes.\n');
  assert.ok(performance.now() - begun < 30_000);
  assert.deepEqual(await run('sh', ['-c', 'echo done'], { minutes: 1 }), { status: 0, output: 'done\n' });
  await assert.rejects(run('no-such-program', [], { minutes: 1 }), /no-such-program cannot be run/);
});

test('a program in the background gives way to others, with what it starts', async () => {
  const { run } = await import('../../tools/report.mjs');
  const { output } = await run('sh', ['-c', 'sleep 1; nice'], { background: true });
  assert.equal(output, '19\n');
  await assert.rejects(run('no-such-program', [], { background: true }), /no-such-program cannot be run/);
});
