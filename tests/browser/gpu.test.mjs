// WebGPU by software adapters: in Chromium by its own, which a flag gives, in Firefox, which compiles WGSL otherwise, by Mesa's. Reference
// cases, what there is without an adapter, and a GPU process that ends.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { launch, openHarness, openPage, screenshot } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { answerTo, openTab, part, usable } from './support/demo.mjs';
import { startServer } from './support/server.mjs';

const SAMPLE = 'samples/beach.jpg';
const CASES = [
  'classify-batch3',
  'classify-larger-input-absolute',
  'mim-shared-bias',
  'model-mask',
  'model-odd-sizes',
  'backbone-stages',
  'segment-aux',
];

/** Calls the harness; an error there is an error here. */
async function call(page, method, ...args) {
  const { value, error } = await page.evaluate(
    (wanted, given) =>
      globalThis.harness[wanted](...given).then(
        (value) => ({ value }),
        (error) => ({ error: String(error) }),
      ),
    method,
    args,
  );
  if (error) throw new Error(error);
  return value;
}

/** Opens the harness, has `work` done there, and sees that nothing was complained of. */
async function withPage({ browser }, server, work) {
  const { page, complaints } = await openHarness(browser, `${server.url}tests/harness.html`);
  try {
    await work(page);
    await assertClean(page, complaints, server);
  } finally {
    await page.close();
  }
}

/** Asserts that reference cases pass on the GPU. */
async function assertCases(page, names, options) {
  for (const name of names) {
    const results = await call(page, 'runCase', `golden/models/${name}`, { device: 'gpu', ...options });
    assert.ok(results.length > 0, name);
    for (const { name: output, pass, why } of results) assert.ok(pass, `${name}, ${output}: ${why}`);
  }
}

/** Asserts that DALL-E's tokenizer passes its reference case on the GPU. */
async function assertTokenizer(page) {
  const { devices, results } = await call(page, 'runTokenizer', 'golden/dvae/dvae-tiny', { device: 'gpu', worker: true });
  assert.deepEqual([devices, results.length], [['gpu', 'gpu'], 4]);
  for (const { name, pass, why } of results) assert.ok(pass, `${name}: ${why}`);
}

for (const [place, flags] of [
  ['with a software adapter', ['--enable-unsafe-webgpu']],
  ['without one', []],
]) {
  describe(`WebGPU in Chromium ${place}`, () => {
    let host, server;
    before(async () => {
      host = await launch('chromium', flags);
      server = await startServer();
    });
    after(async () => {
      await server?.stop();
      await host?.close();
    });

    it('takes no GPU by itself, and says why', async () => {
      await withPage(host, server, async (page) => {
        const plain = await call(page, 'classify', SAMPLE);
        const auto = await call(page, 'classify', SAMPLE, { device: 'auto' });
        assert.deepEqual([plain.info.device, auto.info.device], ['cpu', 'cpu']);
        assert.match(auto.info.deviceReason, /GFLOP/);
        assert.deepEqual(auto.labels, plain.labels);
        assert.equal(server.sent.filter(({ path }) => path.endsWith('gpu.js')).length, 1, 'fetched by who asks for it only');
      });
    });

    if (flags.length === 0) {
      it('refuses a GPU that is asked for', async () => {
        await withPage(host, server, async (page) => {
          await assert.rejects(call(page, 'open', { device: 'gpu' }), /a GPU cannot be used here: .*(no adapter|no WebGPU)/);
        });
      });
      return;
    }

    for (const worker of [true, false]) {
      it(`answers reference cases ${worker ? 'in a worker' : 'in the page itself'}`, async () => {
        await withPage(host, server, async (page) => {
          await assertCases(page, worker ? CASES : CASES.slice(0, 1), { worker });
          if (worker) await assertTokenizer(page);
        });
      });
    }

    it("is chosen in the demo's Models tab, which tells what computes and why, and timed in its Benchmark tab", async () => {
      const { page, complaints } = await openPage(host.browser, `${server.url}#models`);
      try {
        await usable(page, 'models');
        const told = (device, sentence) =>
          page.waitForFunction(
            (wanted, words) => {
              const [fact, reason] = ['runtime-device', 'runtime-reason'].map((id) => document.getElementById(id).textContent);
              return fact === wanted && reason.includes(words) && document.getElementById('runtime-ready').textContent !== '–';
            },
            {},
            device,
            sentence,
          );
        for (const [chosen, device, sentence] of [
          ['auto', 'processor', 'GFLOP, for which a GPU brings nothing.'],
          ['gpu', 'GPU', 'whose answers were checked'],
        ]) {
          await page.select('#set-device', chosen);
          await openTab(page, 'classify');
          await answerTo(page, 'beach');
          await openTab(page, 'models');
          await told(device, sentence);
        }
        await screenshot(page, 'demo-gpu-models');
        await openTab(page, 'benchmark');
        await page.select('#bench-runs', '5');
        await page.locator('#panel-benchmark button[type="submit"]').click();
        await page.waitForFunction(() => document.getElementById('announcer').textContent.includes('done'));
        const names = await page.$$eval('#panel-benchmark tbody tr', (rows) => rows.map(({ cells }) => cells[0].textContent));
        assert.equal(names.at(-1), 'GPU');
        assert.match(
          await page.$eval(part('benchmark', 'bench-machine'), ({ textContent }) => textContent),
          /^The GPU \(.*\), whose answers/,
        );
        await screenshot(page, 'demo-gpu-benchmark');
        await assertClean(page, complaints, server);
      } finally {
        await page.close();
      }
    });

    it('goes on on the processor when the process of the GPU has ended', async () => {
      await withPage(host, server, async (page) => {
        const { device, deviceReason, worker } = await call(page, 'open', { device: 'gpu' });
        assert.deepEqual([device, worker], ['gpu', true], deviceReason);
        const first = await call(page, 'classifyOpened', SAMPLE);
        assert.deepEqual([first.info.device, first.warnings], ['gpu', []]);
        assert.ok(first.memory.gpu > 1e6);
        const devtools = await host.browser.target().createCDPSession();
        const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
        process.kill(processInfo.find(({ type }) => type === 'GPU').id);
        const second = await call(page, 'classifyOpened', SAMPLE);
        assert.equal(second.info.device, 'cpu');
        assert.match(second.warnings.join(), /computes on the processor, because the GPU failed in a pass/);
        assert.equal(second.memory.gpu, 0);
        for (const [i, { label, score }] of first.labels.entries()) {
          assert.equal(label, second.labels[i].label);
          assert.ok(Math.abs(score - second.labels[i].score) < 1e-4);
        }
      });
    });
  });
}

// Mesa's lavapipe: Debian's package mesa-vulkan-drivers.
const ICD = [
  process.env.BEIT_LAVAPIPE,
  ...['lvp_icd.x86_64.json', 'lvp_icd.aarch64.json', 'lvp_icd.json'].map((name) => `/usr/share/vulkan/icd.d/${name}`),
].find((path) => path && existsSync(path));

describe('WebGPU in Firefox with a software adapter', {
  skip: !ICD && "There is no lavapipe: install Debian's package mesa-vulkan-drivers, or set BEIT_LAVAPIPE.",
}, () => {
  let host, server;
  before(async () => {
    const prefs = { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true, 'dom.webgpu.workers.enabled': true };
    host = await launch('firefox', [], prefs, [], { VK_ICD_FILENAMES: ICD, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() });
    server = await startServer();
  });
  after(async () => {
    await server?.stop();
    await host?.close();
  });

  it('answers reference cases in a worker', async (context) => {
    await withPage(host, server, async (page) => {
      const has = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
      if (!has) return context.skip('This Firefox gives no adapter with lavapipe.');
      await assertCases(page, CASES, { worker: true });
      await assertCases(page, ['model-odd-sizes'], { worker: true, dtype: 'f16' });
      await assertTokenizer(page);
    });
  });
});
