// Workers that end without a word, or cannot be started, in real browsers.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WORKER } from '../../dist/engine/protocol.js';
import { BROWSERS } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { suiteWithHarness } from './support/harness.mjs';
import { FOLDERS, root } from './support/server.mjs';

// A page over plain HTTP: no locks, no threads, no cache.
const INSECURE = 'insecure.test';
const SAMPLE = '../samples/beach.jpg';
const ENGINE = 'beit-wasm/dist/engine.js';

/**
 * Returns the path of a copy of the library's engine that can be told to close itself, and, by its address, to be busy from
 * the moment on at which it has sent the page its heart.
 */
function closingWorker(folder) {
  const script = join(folder, 'engine.js');
  writeFileSync(
    script,
    `${readFileSync(join(root, 'dist/engine.js'), 'utf8')}\nif (globalThis.name === '${WORKER}') {
  new BroadcastChannel('beit-test-close').onmessage = () => close();
  const busy = Number(new URLSearchParams(location.search).get('busy'));
  const { postMessage } = globalThis;
  globalThis.postMessage = (message, transfer) => {
    postMessage(message, transfer);
    if (message.type === 'heart') for (const begin = performance.now(); performance.now() < begin + busy;);
  };
}\n`,
  );
  return script;
}

const folder = mkdtempSync(join(tmpdir(), 'beit-worker-'));
const folders = [[ENGINE, closingWorker(folder)], ...FOLDERS];
after(() => rmSync(folder, { recursive: true, force: true }));

/** Asserts what harness.lose() tells of a worker that ended in the middle of a pass. */
function assertLost({ lost, waiting, later, usable, expected, again, engines, steps }) {
  assert.deepEqual([lost?.name, lost?.code], ['BeitError', 'engine-lost'], lost?.message);
  assert.match(lost.message, /^The worker: it failed \(it has ended\), and its engine is lost/);
  const [last, total] = steps.at(-1);
  assert.ok(last < total, `${last} of ${total} steps were told`);
  assert.deepEqual([later, usable], ['engine-lost', false]);
  assert.ok(['none', 'engine-lost'].includes(waiting), waiting);
  assert.deepEqual(again, expected);
  assert.ok(engines >= 2);
}

for (const name of Object.keys(BROWSERS)) {
  describe(`supervision in ${name}`, () => {
    const suite = suiteWithHarness(name, 'tests/supervision.html', { folders });
    const { call } = suite;

    for (const [end, what] of [
      ['terminate', 'killed'],
      ['close', 'closed from within'],
    ]) {
      for (const build of ['simd', 'simd-threads']) {
        it(`rejects every call of a worker that is ${what}, and opens again: ${build}`, async (t) => {
          const told = await call('lose', end, SAMPLE, { build });
          t.diagnostic(`rejected ${Math.round(told.done)} ms after the pass began`);
          assertLost(told);
        });
      }
    }

    it('says that a worker cannot be started, and ends where a thread cannot', async () => {
      const refused = await call('refuse', WORKER, {});
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

    it('has nothing to complain about', () => assertClean(suite.page, suite.complaints, suite.server));
  });
}

describe('supervision in chromium without a secure context', () => {
  const suite = suiteWithHarness('chromium', 'tests/supervision.html', {
    flags: [`--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`],
    hostname: INSECURE,
    isolated: false,
    folders,
  });
  const { call } = suite;

  it('has no locks', async () => {
    assert.deepEqual(await suite.page.evaluate(() => [isSecureContext, typeof navigator.locks]), [false, 'undefined']);
  });

  for (const [end, what] of [
    ['terminate', 'killed'],
    ['close', 'closed from within'],
  ]) {
    it(`rejects every call of a worker that is ${what}, and opens again`, async (t) => {
      const told = await call('lose', end, SAMPLE, {});
      t.diagnostic(`rejected ${Math.round(told.done)} ms after the pass began`);
      assertLost(told);
    });
  }

  it('loses no worker that is long at work in one go', async () => {
    assert.equal(await call('busy', `../${ENGINE}`, 8000), true);
  });

  it('has nothing to complain about', () => assertClean(suite.page, suite.complaints, suite.server));
});
