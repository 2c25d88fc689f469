// What a call of the embedded classifier takes in a page besides its forward pass, in Chromium: from a file, its bytes and samples to
// the answer, and its parts one by one. All are measured in turn; of each the least, the tenth in a hundred and the median are told.
//   node tools/bench/small.mjs [--calls N] [--build BUILD] [--dist FOLDER]...
// --dist: other builds of the library, to be compared. Needs a release build and Chromium.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, openPage } from '../../tests/browser/support/browsers.mjs';
import { FOLDERS, startServer } from '../../tests/browser/support/server.mjs';
import { root } from '../places.mjs';
import { main, say } from '../report.mjs';

/** In a page: {what: sorted milliseconds of each call}. */
async function measure({ url, calls, options }) {
  const file = await (await fetch(`${url}samples/beach.jpg`)).blob();
  const bytes = new Uint8Array(await file.arrayBuffer());
  const [library] = await Promise.all(['beit-wasm/dist/index.js', 'beit-wasm-samples/index.js'].map((name) => import(url + name)));
  const classify = await library.pipeline('image-classification', null, options);
  const samples = { width: 96, height: 96, channels: 3, data: new Uint8Array(96 * 96 * 3) };
  const pixelValues = { dims: [1, 3, 96, 96], data: new Float32Array(3 * 96 * 96) };
  const parts = {
    'from a file to the answer': () => classify(file),
    'from its bytes': () => classify(bytes),
    'from samples of 96 x 96': () => classify(samples),
    'a forward pass': () => classify.model.forward({ pixelValues }),
    'a file to pixel values': () => classify.processor.preprocess(file),
    'samples to pixel values': () => classify.processor.preprocess(samples),
    'to the worker and back': () => classify.memory(),
    'reading the file': () => file.arrayBuffer(),
  };
  const times = Object.fromEntries(Object.keys(parts).map((what) => [what, []]));
  // Before the first twenty turns are over code that was compiled in haste may run.
  for (let i = -20; i < calls; ++i)
    for (const [what, run] of Object.entries(parts)) {
      const begin = performance.now();
      await run();
      if (i >= 0) times[what].push(performance.now() - begin);
    }
  await classify.dispose();
  for (const of of Object.values(times)) of.sort((a, b) => a - b);
  return times;
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      calls: { type: 'string', default: '100' },
      build: { type: 'string', default: 'relaxed-threads' },
      dist: { type: 'string', multiple: true, default: [join(root, 'dist')] },
    },
  });
  const calls = Number(values.calls);
  for (const threads of [1, 2]) {
    for (const dist of values.dist) {
      const server = await startServer({ folders: [['beit-wasm/dist/', resolve(dist)], ...FOLDERS] });
      const host = await launch('chromium');
      try {
        const { page } = await openPage(host.browser, `${server.url}tests/ground.js`);
        page.setDefaultTimeout(600000);
        const times = await page.evaluate(measure, { url: server.url, calls, options: { build: values.build, threads } });
        say(`${dist}, ${values.build}, threads: ${threads}; milliseconds, least, tenth in a hundred, median`);
        for (const [what, of] of Object.entries(times))
          say(`  ${what.padEnd(28)} ${[0, 0.1, 0.5].map((share) => of[Math.floor(share * (of.length - 1))].toFixed(2)).join(', ')}`);
      } finally {
        await host.close();
        await server.stop();
      }
    }
  }
});
