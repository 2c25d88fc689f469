// Where the library's files are: beside it, in a folder that the page names, on another origin, or not there.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build } from 'esbuild';
import { BROWSERS, launch, openPage } from './support/browsers.mjs';
import { FOLDERS, root, startServer } from './support/server.mjs';

const LIBRARY = 'beit-wasm/dist/index.js';
const ENGINE = 'beit-wasm/dist/engine.js';
const WEIGHTS = 'beit-wasm-samples/weights/classifier/model.safetensors';
// The library's own modules, and nothing beside them: as a bundler leaves it that does not follow new URL().
const bundle = mkdtempSync(join(tmpdir(), 'beit-alone-'));
before(() => build({ entryPoints: [join(root, 'dist/index.js')], bundle: true, format: 'esm', outdir: bundle, logLevel: 'silent' }));
after(() => rmSync(bundle, { recursive: true, force: true }));
const ALONE = [
  ['alone/', bundle],
  // What the guide of tools has a page copy: the library's files, and the weights beside them.
  ['copy/weights/', join(root, 'packages', 'beit-wasm-samples', 'weights')],
  ['copy/', join(root, 'dist')],
  ...FOLDERS,
];

/** A policy that lets pages use what is on another origin, and start workers as `workers` says. */
const policyFor = (origin, workers) =>
  `default-src 'self'; script-src 'self' 'wasm-unsafe-eval' ${origin}; worker-src ${workers}; ` +
  `connect-src 'self' ${origin}; img-src 'self'`;

for (const name of Object.keys(BROWSERS)) {
  describe(`the library's files in ${name}`, () => {
    let host;
    before(async () => {
      host = await launch(name);
    });
    after(() => host?.close());

    /** Serves a page (`settings`) and the library on an origin of its own; `work` gets ask(options, more) for both, and the servers. */
    async function withPage(settings, work) {
      const foreign = await startServer({
        folders: ALONE,
        isolated: false,
        headers: { 'Access-Control-Allow-Origin': '*', ...settings.foreignHeaders },
      });
      const origin = new URL(foreign.url).origin;
      const server = await startServer({ folders: ALONE, rules: policyFor(origin, settings.workers ?? "'self'"), ...settings });
      const ask = async (library, options, more) => {
        const { page } = await openPage(host.browser, `${server.url}tests/elsewhere.html`);
        try {
          await page.waitForFunction(() => globalThis.elsewhere !== undefined);
          return await page.evaluate((...given) => globalThis.elsewhere(...given), library, options, more);
        } finally {
          await page.close();
        }
      };
      try {
        await work({ ask, server, foreign });
      } finally {
        await server.stop();
        await foreign.stop();
      }
    }

    for (const isolated of [false, true]) {
      it(`answers from another origin, in a worker${isolated ? ' with threads' : ''}`, async () => {
        await withPage({ isolated, workers: "'self' blob:" }, async ({ ask, foreign }) => {
          const { label, info } = await ask(foreign.url + LIBRARY, isolated ? { threads: 2 } : {});
          assert.equal(label, 'beach');
          assert.deepEqual([info.worker, info.threads], [true, isolated ? 2 : 1]);
          // The page's own library, and everything else from there.
          const other = await ask(`${new URL('.', foreign.url).href}${LIBRARY}`, {}, { page: { assets: `${foreign.url}copy` } });
          assert.equal(other.label, 'beach');
        });
      });

      it(`answers in the page's thread, and says why, where no worker may come from there${isolated ? ', isolated' : ''}`, async () => {
        await withPage({ isolated }, async ({ ask, foreign }) => {
          const { label, info } = await ask(foreign.url + LIBRARY);
          assert.equal(label, 'beach');
          assert.deepEqual([info.worker, info.threads], [false, 1]);
          assert.match(info.reason, /page's own thread.*worker/);
          const { code, message } = await ask(foreign.url + LIBRARY, { worker: true });
          assert.match(code, /^(unsupported|engine-lost)$/);
          assert.match(message, /^The worker: .*\.$/);
        });
      });
    }

    it('takes worker, core and weights from the folder that is named', async () => {
      await withPage({}, async ({ ask, server }) => {
        const alone = `${server.url}alone/index.js`;
        const lost = await ask(alone);
        assert.equal(lost.code, 'engine-lost');
        assert.match(lost.message, /alone\/engine\.js could not be loaded: .*404.*the option assets/);
        assert.equal((await ask(alone, { assets: '../copy' })).label, 'beach');
        assert.equal((await ask(alone, {}, { page: { assets: '../copy/' } })).label, 'beach');
        // Small files are in the library.
        assert.deepEqual(
          server.sent.filter(({ path }) => path.endsWith('.json')),
          [],
        );
      });
    });

    it("asks for the core's wasm beside its script, not behind it", async () => {
      await withPage({}, async ({ ask, server }) => {
        server.lose('beit-wasm/dist/wasm/beit-simd.js');
        const { code } = await ask(server.url + LIBRARY, { build: 'simd' });
        assert.equal(code, 'not-found');
        const asked = () => server.sent.some(({ path }) => path === 'beit-wasm/dist/wasm/beit-simd.wasm');
        for (let i = 0; i < 100 && !asked(); ++i) await new Promise((resolve) => setTimeout(resolve, 50));
        assert.ok(asked());
      });
    });

    it('tells which file it is where the script of threads is lost', async () => {
      await withPage({}, async ({ ask, server }) => {
        server.lose('beit-wasm/dist/wasm/beit-threads.js');
        const { code, message } = await ask(server.url + LIBRARY, { build: 'simd-threads', threads: 2 });
        // The engine and its thread both ask for it, and either may be the first to miss it.
        assert.match(code, /^(not-found|engine-lost)$/);
        assert.match(message, /beit-threads\.js/);
      });
    });

    it('takes a worker and a core that the page has', async () => {
      await withPage({}, async ({ ask, server }) => {
        const binary = `${server.url}beit-wasm/dist/wasm/beit-simd.wasm`;
        const { label } = await ask(server.url + LIBRARY, { build: 'simd' }, { factory: '../beit-wasm/dist/worker.js', binary });
        assert.equal(label, 'beach');
        assert.equal(server.sent.filter(({ path }) => path.endsWith('.wasm')).length, 1);
      });
    });

    it("says what a worker's script lacks", async () => {
      await withPage({}, async ({ ask, server }) => {
        server.bare(ENGINE);
        assert.match((await ask(server.url + LIBRARY)).message, /engine\.js could not be loaded: .*Cross-Origin-Embedder-Policy/);
      });
    });

    it('leaves the embedded weights to the cache of the browser', async () => {
      await withPage({ headers: { 'Cache-Control': 'max-age=3600' } }, async ({ ask, server }) => {
        for (let visit = 0; visit < 3; ++visit) assert.equal((await ask(server.url + LIBRARY)).label, 'beach');
        assert.equal(server.sent.filter(({ path }) => path === WEIGHTS).length, 1);
      });
    });
  });
}
