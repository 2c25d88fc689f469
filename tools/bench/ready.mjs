// What a page waits for until the library is ready, in Chromium: the cold module to the first answer of the embedded classifier, and
// base-224 from a hub on this machine beside the fetch alone, kept, and from the cache. Each round measures all of them in turn. What a
// call takes then, small.mjs tells.
//   node tools/bench/ready.mjs [--rounds N] [--folder CHECKPOINT] [--build BUILD] [--threads N] [--dist FOLDER]... [--json FILE]
// --dist: other builds of the library, to be compared; they are measured in turn.
// Needs a release build, Chromium, and a checkpoint (npm run bench writes one).
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { launch, openPage } from '../../tests/browser/support/browsers.mjs';
import { FOLDERS, startServer } from '../../tests/browser/support/server.mjs';
import { startHub } from '../../tests/support/hub-server.mjs';
import { root, tools } from '../places.mjs';
import { main, say } from '../report.mjs';
import { show } from './statistics.mjs';

const WEIGHTS = 'model.safetensors';

/** In a page that has nothing of the library yet: returns the milliseconds to the first answer. */
async function firstAnswer({ url, picture, options }) {
  const file = await (await fetch(picture)).blob();
  const begin = performance.now();
  const [library] = await Promise.all(['beit-wasm/dist/index.js', 'beit-wasm-samples/index.js'].map((name) => import(url + name)));
  const classify = await library.pipeline('image-classification', null, options);
  await classify(file);
  const first = performance.now() - begin;
  await classify.dispose();
  return first;
}

/** Fetches the file, and reads it to its end. */
async function fetchAlone(address) {
  const begin = performance.now();
  const reader = (await fetch(address)).body.getReader();
  while (!(await reader.read()).done);
  return performance.now() - begin;
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      folder: { type: 'string', default: join(tools, 'bench', 'base-224') },
      build: { type: 'string', default: 'relaxed-threads' },
      threads: { type: 'string', default: '2' },
      dist: { type: 'string', multiple: true, default: [join(root, 'dist')] },
      json: { type: 'string' },
    },
  });
  const options = { build: values.build, threads: Number(values.threads) };
  const hub = await startHub(Object.fromEntries(['config.json', WEIGHTS].map((name) => [`owner/base/${name}`, join(values.folder, name)])));
  const servers = [];
  const rows = {};
  try {
    for (const dist of values.dist) {
      servers.push(await startServer({ connect: [hub.url, hub.cdn], folders: [['beit-wasm/dist/', resolve(dist)], ...FOLDERS] }));
    }
    for (let i = 0; i < Number(values.rounds) * servers.length; ++i) {
      const which = i % servers.length;
      const server = servers[which];
      const note = (what, milliseconds) => ((rows[what] ??= servers.map(() => []))[which] ??= []).push(milliseconds);
      const host = await launch('chromium');
      try {
        const { page } = await openPage(host.browser, `${server.url}tests/ground.js`);
        page.setDefaultTimeout(600000);
        const picture = `${server.url}samples/beach.jpg`;
        const first = await page.evaluate(firstAnswer, { url: server.url, picture, options });
        note('embedded classifier, cold module to first answer', first);
        await page.goto(`${server.url}tests/sources.html`);
        await page.waitForFunction(() => globalThis.harness !== undefined);
        const load = async (what, more) => {
          const given = { ...options, ...more, host: hub.url, forward: false };
          const result = await page.evaluate((wanted) => globalThis.harness.load('owner/base', wanted), given);
          if (result.milliseconds === undefined) throw new Error(`${what}: ${result.message ?? result.reason}`);
          note(what, result.milliseconds);
        };
        note('the fetch alone', await page.evaluate(fetchAlone, `${hub.url}/owner/base/resolve/main/${WEIGHTS}`));
        await load('from the hub, not kept', { cache: false });
        await load('from the hub, kept', {});
        await load('from the cache', {});
        await load('from the cache, int8', { dtype: 'int8' });
        await load('converted and kept as int8', { keepAs: 'int8' });
        await load('from the cache, kept as int8', { keepAs: 'int8' });
      } finally {
        await host.close();
      }
    }
    for (const [what, milliseconds] of Object.entries(rows)) say(`${what.padEnd(50)} ${milliseconds.map((of) => show(of)).join(', ')} ms`);
    if (values.json) writeFileSync(values.json, JSON.stringify({ ...options, dist: values.dist, rows }, null, 1));
  } finally {
    for (const server of servers) await server.stop();
    await hub.close();
  }
});
