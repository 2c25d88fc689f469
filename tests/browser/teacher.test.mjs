// Teacher in browsers: the bits of Node, and a model in a folder of the page's own.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createEngine, Teacher } from '../../dist/node.js';
import { lesson } from './pages/lesson.js';
import { BROWSERS, launch, openPage } from './support/browsers.mjs';
import { root, startServer } from './support/server.mjs';

/** Runs in the page. Returns lesson()'s numbers, and what a model that was saved to a folder of the page's answers. */
async function teachHere(address) {
  const { createEngine: make, Teacher: T, pipeline } = await import(new URL('../beit-wasm/dist/index.js', location.href).href);
  const engine = await make({ build: 'simd' });
  const teacher = await T.from(address, { engine });
  const { lesson: here } = await import(new URL('lesson.js', location.href).href);
  const told = await here(teacher, engine);
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('taught', { create: true });
  const files = await teacher.save(folder, { dtype: 'f32' });
  const run = await pipeline('image-classification', folder, { engine });
  const saved = await run({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(90) });
  const own = await teacher.classify({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(90) });
  await engine.dispose();
  return { told, files, saved, own };
}

for (const name of Object.keys(BROWSERS)) {
  describe(`Teacher in ${name}`, () => {
    let host;
    let server;
    before(async () => {
      [host, server] = await Promise.all([launch(name), startServer()]);
    });
    after(() => Promise.all([host?.close(), server?.stop()]));

    it('fits the head that Node fits, to the last bit, and saves it', async () => {
      const engine = await createEngine({ build: 'simd' });
      const want = await lesson(await Teacher.from(join(root, 'weights/embedded/classifier'), { engine }), engine);
      await engine.dispose();
      const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
      const address = `${server.url}beit-wasm/weights/embedded/classifier/`;
      const { told, files, saved, own } = await page.evaluate(teachHere, address);
      assert.deepEqual(told, JSON.parse(JSON.stringify(want)));
      assert.equal(files.length, 4);
      for (const [i, { label, score }] of saved.entries()) {
        assert.equal(label, own[i].label);
        assert.ok(Math.abs(score - own[i].score) < 1e-5);
      }
    });
  });
}
