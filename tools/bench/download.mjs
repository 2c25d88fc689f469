// A base-size checkpoint from a hub on this machine into a browser: memory, ten cut connections, and
// stopping at any moment. Too heavy for every change; tests/browser/sources.test.mjs is the small form.
//   node tools/bench/download.mjs [--folder CHECKPOINT] [--browser chromium|firefox] [--build BUILD] [--json FILE]
// Needs a release build, the browser, and a checkpoint (npm run bench writes one).
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, openPage } from '../../tests/browser/support/browsers.mjs';
import { startServer } from '../../tests/browser/support/server.mjs';
import { startHub } from '../../tests/support/hub-server.mjs';
import { tools } from '../places.mjs';
import { main, say } from '../report.mjs';

const WEIGHTS = 'model.safetensors';
const ALLOWED = 64 * 2 ** 20;
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      folder: { type: 'string', default: join(tools, 'bench', 'base-224') },
      browser: { type: 'string', default: 'chromium' },
      build: { type: 'string', default: 'relaxed-threads' },
      json: { type: 'string' },
    },
  });
  const size = statSync(join(values.folder, WEIGHTS)).size;
  const hub = await startHub(Object.fromEntries(['config.json', WEIGHTS].map((name) => [`owner/base/${name}`, join(values.folder, name)])));
  const server = await startServer({ connect: [hub.url, hub.cdn] });
  const host = await launch(values.browser);
  const rows = {};
  try {
    const { page } = await openPage(host.browser, `${server.url}tests/sources.html`);
    page.setDefaultTimeout(600000);
    await page.waitForFunction(() => globalThis.harness !== undefined);
    const call = (method, ...given) => page.evaluate((wanted, list) => globalThis.harness[wanted](...list), method, given);
    const options = { host: hub.url, build: values.build, forward: false, retry: { delay: 20 } };
    const cuts = () => Array.from({ length: 10 }, (_, i) => Math.floor((size * (i + Math.random())) / 10));
    for (const [what, faults, more] of [
      ['kept, ten cuts', { cuts: cuts() }, {}],
      ['from the cache', { stall: 1000 }, {}],
      ['not kept', {}, { cache: false }],
      ['not kept, ten cuts', { cuts: cuts() }, { cache: false }],
    ]) {
      hub.fail(`owner/base/${WEIGHTS}`, faults);
      hub.requests.length = 0;
      const result = await call('load', 'owner/base', { ...options, ...more });
      assert.deepEqual([result.code, result.warnings], [undefined, []], result.message);
      const {
        memory: { heap },
        estimate: { weights, staging },
        milliseconds,
      } = result;
      const above = heap - weights - staging;
      const bodies = hub.requests.filter(({ host: at, path }) => at === 'cdn' && path.endsWith(WEIGHTS)).length;
      rows[what] = { milliseconds, heap, weights, staging, above, bodies };
      say(
        `${what.padEnd(20)} ${(milliseconds / 1000).toFixed(1)} s, ${bodies} bodies; wasm ${mb(heap)} = packed ${mb(weights)} + largest tensor ${mb(staging)} + ${mb(above)}`,
      );
      assert.ok(above <= ALLOWED, `${above} bytes above packed weights and largest tensor`);
    }
    const [kept] = (await call('list')).filter(({ file }) => file === WEIGHTS);
    assert.deepEqual([kept.bytes, kept.sha256], [size, hub.sha256(`owner/base/${WEIGHTS}`)]);
    hub.fail(`owner/base/${WEIGHTS}`, { flip: size - 1 });
    assert.equal((await call('load', 'owner/base', { ...options, cache: false })).code, 'corrupt', 'the last byte is checked, too');
    hub.fail(`owner/base/${WEIGHTS}`);
    rows.stops = [];
    for (let i = 0; i < 10; ++i) {
      const at = Math.floor((size * i) / 10);
      const { reason, left, milliseconds } = await call('stopInEngine', 'owner/base', { ...options, cache: false }, at);
      assert.deepEqual([reason, left], ['The test stopped it.', 0], `stopped at ${at}`);
      rows.stops.push(milliseconds);
    }
    say(`stopped at ten places: ${Math.max(...rows.stops).toFixed(0)} ms at most until everything was given back`);
    if (values.json) writeFileSync(values.json, JSON.stringify({ browser: values.browser, build: values.build, size, rows }, null, 1));
  } finally {
    await host.close();
    await server.stop();
    await hub.close();
  }
});
