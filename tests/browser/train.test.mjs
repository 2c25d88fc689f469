// train() in a page: the bits of Node, from a worker with two threads, and a model in a folder of the page's own.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { train } from '../../dist/node.js';
import { maskedFiles } from '../node/tiny-checkpoint.mjs';
import { learn, pictures } from './pages/training.js';
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

const masked = { task: 'mim', method: 'full', rate: 1e-2, data: pictures.map(({ image }) => image) };
const TOKENS = 96; // of the tokenizer dvae-tiny

/** Runs in the page, which is given bytes as lists. */
async function trainMaskedHere(files, tokenizer, options) {
  const at = (path) => new URL(path, location.href).href;
  await import(at('../beit-wasm-training/index.js'));
  const { train: start } = await import(at('../beit-wasm/dist/index.js'));
  const { learn: learnHere, pictures: all } = await import(at('training.js'));
  const model = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Uint8Array.from(bytes)]));
  const data = all.map(({ image }) => image);
  const { losses, finished } = await learnHere(start, { ...options, data, model, tokenizer, threads: 2 }, (run) => run.state());
  return { losses, weights: [...finished['model.safetensors']] };
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

  it('learns hidden patches as Node does, to the last bit', async () => {
    const model = maskedFiles(TOKENS);
    const tokenizer = join(root, 'tests/fixtures/golden/dvae/dvae-tiny');
    const { losses, finished } = await learn(train, { ...masked, model, tokenizer, threads: 1, worker: false }, (run) => run.state());
    assert.equal(new Set(losses.filter((loss) => loss > 0)).size, 6);
    const weights = [...finished['model.safetensors']];
    assert.notDeepEqual(weights, [...model['model.safetensors']]);
    const { page } = await openPage(host.browser, `${server.url}tests/harness.html`);
    const files = Object.fromEntries(Object.entries(model).map(([name, bytes]) => [name, [...bytes]]));
    const { data: _, ...options } = masked;
    const there = await page.evaluate(trainMaskedHere, files, `${server.url}fixtures/golden/dvae/dvae-tiny/`, options);
    assert.deepEqual(there, { losses, weights });
  });
});
