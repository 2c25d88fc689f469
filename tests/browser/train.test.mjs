// train() in a page: the bits of Node, from a worker with two threads, and a model in a folder of the page's own.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { train } from '../../dist/node.js';
import { learn } from './pages/training.js';
import { launch, openPage } from './support/browsers.mjs';
import { root, startServer } from './support/server.mjs';

/** Runs in the page. */
async function trainHere(model) {
  const at = (path) => new URL(path, location.href).href;
  await import(at('../beit-wasm-training/index.js'));
  const { train: start, pipeline } = await import(at('../beit-wasm/dist/index.js'));
  const { learn: learnHere, picture } = await import(at('training.js'));
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('trained', { create: true });
  const { losses } = await learnHere(start, { model, threads: 2 }, (run) => run.save(folder, { dtype: 'f16' }));
  const files = [];
  for await (const name of folder.keys()) files.push(name);
  const classify = await pipeline('image-classification', folder, { build: 'simd' });
  const answers = await classify(picture(3).image, { topK: 2 });
  await classify.dispose();
  return { losses, files: files.sort(), labels: answers.map(({ label }) => label).sort() };
}

describe('train() in chromium', () => {
  let host;
  let server;
  before(async () => {
    [host, server] = await Promise.all([launch('chromium'), startServer()]);
  });
  after(() => Promise.all([host?.close(), server?.stop()]));

  it('learns what Node learns with one thread, to the last bit, and saves it', async () => {
    const { losses } = await learn(train, { model: join(root, 'weights/embedded/classifier'), threads: 1, worker: false });
    assert.equal(losses.filter((loss) => loss > 0).length, 6);
    const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
    assert.deepEqual(await page.evaluate(trainHere, `${server.url}beit-wasm/weights/embedded/classifier/`), {
      losses,
      files: ['README.md', 'config.json', 'model.safetensors', 'preprocessor_config.json'],
      labels: ['cat', 'dog'],
    });
  });
});
