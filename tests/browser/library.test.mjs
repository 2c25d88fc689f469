// The library in a page: reference cases on every artefact, errors, aborts, the policy.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ENGINES, launch, openHarness } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { root, startServer } from './support/server.mjs';

const GOLDEN = join(root, 'tests', 'fixtures', 'golden');
const BUILDS = ['simd', 'simd-threads', 'relaxed-threads'];
// WebKit has no relaxed SIMD, and the threaded artefact has all the code of the other.
const buildsOf = (name) => (name === 'webkit' ? ['simd-threads'] : BUILDS);
const SAMPLE = 'samples/beach.jpg';
const WEIGHTS = 'beit-wasm-samples/weights/classifier/model.safetensors';
const CASE = 'golden/models/classify-patch16';

// A server lists no folder: weights under a name of their own are found by their own URL only.
const hasOwnName = (folder) => readdirSync(join(GOLDEN, folder)).some((file) => file.endsWith('.pth'));
const cases = ['models', 'formats']
  .flatMap((folder) => readdirSync(join(GOLDEN, folder)).map((name) => `${folder}/${name}`))
  .filter((folder) => !hasOwnName(folder))
  .map((folder) => `golden/${folder}`);

for (const name of ENGINES) {
  describe(`library in ${name}`, () => {
    let host;
    before(async () => {
      host = await launch(name);
    });
    after(() => host?.close());

    /** Runs `work` with the harness in a page; asserts that there was nothing to complain about. */
    async function withHarness({ isolated = true, clean = true }, work) {
      const server = await startServer({ isolated });
      try {
        const { page, complaints } = await openHarness(host.browser, `${server.url}tests/harness.html`);
        try {
          await work(page, server);
          if (clean) await assertClean(page, complaints, server);
        } finally {
          await page.close();
        }
      } finally {
        await server.stop();
      }
    }

    /** Calls the harness; an error there is an error here. */
    async function call(page, method, ...args) {
      // In a task of its own: what a debugger's protocol calls directly is exempt from the policy.
      const { value, error } = await page.evaluate(
        (wanted, given) =>
          new Promise((resolve) => {
            setTimeout(() =>
              globalThis.harness[wanted](...given).then(
                (value) => resolve({ value }),
                (error) => resolve({ error: String(error) }),
              ),
            );
          }),
        method,
        args,
      );
      if (error) throw new Error(error);
      return value;
    }

    it('has cases to run', () => assert.ok(cases.length >= 26, `${cases.length} cases`));

    for (const build of buildsOf(name)) {
      it(`answers every reference case within its tolerance: ${build}`, async () => {
        await withHarness({}, async (page) => {
          for (const path of cases) {
            const results = await call(page, 'runCase', path, { build });
            assert.ok(results.length > 0, path);
            for (const { name: output, pass, largest, why } of results) {
              assert.ok(pass, `${path}, ${output}: ${why} (largest difference ${largest})`);
            }
          }
        });
      });
    }

    it('has one thread, and says why, where the page is not isolated', async () => {
      await withHarness({ isolated: false }, async (page) => {
        const told = await call(page, 'runtimeInfo');
        const { info } = await call(page, 'classify', SAMPLE);
        assert.deepEqual(info, told);
        assert.deepEqual([info.build, info.threads, info.worker], ['simd', 1, true]);
        assert.match(info.reason, /not cross-origin isolated.*Cross-Origin-Opener-Policy/);
        assert.equal(info.capabilities.crossOriginIsolated, false);
      });
    });

    it('gives the same labels in the page itself as in a worker', async () => {
      await withHarness({}, async (page) => {
        const inWorker = await call(page, 'classify', SAMPLE);
        const inPage = await call(page, 'classify', SAMPLE, { worker: false });
        assert.equal(inWorker.info.worker, true);
        assert.deepEqual([inPage.info.worker, inPage.info.build, inPage.info.threads], [false, 'simd', 1]);
        for (const [i, { label, score }] of inPage.labels.entries()) {
          assert.equal(label, inWorker.labels[i].label);
          assert.ok(Math.abs(score - inWorker.labels[i].score) < 1e-4);
        }
      });
    });

    for (const worker of [true, false]) {
      const place = worker ? 'in a worker' : 'in the page itself';

      it(`stops a load in each phase, ${place}, and loads again with the same engine`, async () => {
        await withHarness({}, async (page, server) => {
          for (const phase of ['config', 'index', 'weights']) {
            server.slowDown(WEIGHTS, 30000);
            const { reason, left } = await call(page, 'abortLoad', phase, { worker });
            assert.equal(reason, 'The test stopped it.', phase);
            assert.equal(left, 0, `bytes left after ${phase}`);
            server.speedUp(WEIGHTS);
            const { labels } = await call(page, 'classifyWithSame', SAMPLE, { worker });
            assert.ok(labels.length > 0);
          }
        });
      });

      it(`stops a pass between two steps, ${place}, and runs the next`, async () => {
        await withHarness({}, async (page) => {
          const { reason, steps, total, labels } = await call(page, 'abortForward', SAMPLE, { worker });
          assert.equal(reason, 'The test stopped it.');
          assert.ok(steps < total, `${steps} of ${total} steps`);
          assert.deepEqual(
            labels.map(({ label }) => label),
            (await call(page, 'classify', SAMPLE)).labels.slice(0, 5).map(({ label }) => label),
          );
        });
      });
    }

    it('says what is wrong with a damaged image, and reads the next', async () => {
      await withHarness({}, async (page) => {
        const whole = readFileSync(join(root, 'demo', SAMPLE));
        // A JPEG's header, then nothing that it promises.
        const { error, grown, labels } = await call(page, 'classifyDamaged', [...whole.subarray(0, 300)], SAMPLE);
        assert.equal(error.code, 'bad-image');
        assert.match(error.message, /\.$/);
        assert.equal(grown, 0);
        assert.equal(labels.length, 5);
      });
    });

    it('says what is wrong with a checkpoint', async () => {
      await withHarness({ clean: false }, async (page) => {
        assert.equal(await call(page, 'loadReplaced', CASE, {}), null);
        const page404 = '<!doctype html><title>Not found</title>';
        for (const [files, code] of [
          [{ 'model.safetensors': page404 }, 'html'],
          [{ 'config.json': page404 }, 'html'],
          [{ 'config.json': '{"hidden_size": }' }, 'malformed'],
          [{ 'config.json': '{"hidden_size": 48' }, 'truncated'],
          [{ 'model.safetensors': '' }, 'truncated'],
        ]) {
          const error = await call(page, 'loadReplaced', CASE, files);
          assert.equal(error?.code, code, JSON.stringify([files, error]));
          assert.match(error.message, /\.$/);
        }
        assert.equal((await call(page, 'loadFrom', '../no/such/folder/')).code, 'not-found');
      });
    });

    it('would notice eval in the page and in workers', async () => {
      await withHarness({ clean: false }, async (page, server) => {
        assert.deepEqual(await call(page, 'breakPolicy'), ['EvalError', 'EvalError']);
        // Both reports: the document's event and the server's list, which gets the worker's as well, but not of WebKit.
        const reported = name === 'webkit' ? 1 : 2;
        assert.equal((await page.evaluate(() => globalThis.policyViolations)).length, 1);
        for (let i = 0; i < 50 && server.reports.length < reported; ++i) await new Promise((resolve) => setTimeout(resolve, 100));
        assert.equal(server.reports.length, reported);
      });
    });
  });
}
