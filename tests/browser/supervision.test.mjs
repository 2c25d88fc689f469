// Workers that end without a word, or cannot be started, in real browsers.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BROWSERS, launch, openPage } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { FOLDERS, root, startServer } from './support/server.mjs';

const SAMPLE = '../samples/beach.jpg';
const WORKER = 'beit-wasm/dist/worker.js';

for (const name of Object.keys(BROWSERS)) {
  describe(`supervision in ${name}`, () => {
    let host;
    let server;
    let folder;
    let page;
    let complaints;
    before(async () => {
      host = await launch(name);
      folder = mkdtempSync(join(tmpdir(), 'beit-worker-'));
      const script = join(folder, 'worker.js');
      // The library's worker, which can be told to close itself.
      writeFileSync(script, `${readFileSync(join(root, 'dist/worker.js'), 'utf8')}\nnew BroadcastChannel('beit-test-close').onmessage = () => close();\n`);
      server = await startServer({ folders: [[WORKER, script], ...FOLDERS] });
      ({ page, complaints } = await openPage(host.browser, `${server.url}tests/supervision.html`));
      await page.waitForFunction(() => globalThis.harness !== undefined);
    });
    after(async () => {
      await host?.close();
      await server?.stop();
      if (folder) rmSync(folder, { recursive: true, force: true });
    });
    const call = (method, ...args) => page.evaluate((wanted, given) => globalThis.harness[wanted](...given), method, args);

    for (const [end, what] of [['terminate', 'killed'], ['close', 'closed from within']]) {
      for (const build of ['simd', 'simd-threads']) {
        it(`rejects every call of a worker that is ${what}, and opens again: ${build}`, async (t) => {
          const { lost, waiting, later, usable, expected, again, engines, done, steps } = await call('lose', end, SAMPLE, { build });
          t.diagnostic(`rejected ${Math.round(done)} ms after the pass began`);
          assert.deepEqual([lost?.name, lost?.code], ['BeitError', 'engine-lost'], lost?.message);
          assert.match(lost.message, /^The worker: it failed \(it has ended\), and its engine is lost/);
          const [last, total] = steps.at(-1);
          assert.ok(last < total, `${last} of ${total} steps were told`);
          assert.deepEqual([later, usable], ['engine-lost', false]);
          assert.ok(['none', 'engine-lost'].includes(waiting), waiting);
          assert.deepEqual(again, expected);
          assert.ok(engines >= 2);
        });
      }
    }

    it('says that a worker cannot be started, and ends where a thread cannot', async () => {
      const refused = await call('refuse', 'beit', {});
      assert.deepEqual([refused?.name, refused?.code], ['BeitError', 'unsupported'], refused?.message);
      assert.match(refused.message, /not from here.*worker: false/);
      const lost = await call('refuse', 'em-pthread', { build: 'simd-threads', threads: 2 });
      assert.deepEqual([lost?.name, lost?.code], ['BeitError', 'engine-lost'], lost?.message);
      assert.match(lost.message, /a thread: .*not from here/);
    });

    it('goes on where listeners throw, and has that reported once', async () => {
      for (const worker of [true, false]) {
        const { outputs, heard } = await call('throwing', '../beit-wasm/weights/embedded/classifier/', { worker, cache: false });
        assert.equal(outputs, 16);
        assert.deepEqual(heard, ['oops']);
      }
    });

    it('has nothing to complain about', () => assertClean(page, complaints, server));
  });
}
