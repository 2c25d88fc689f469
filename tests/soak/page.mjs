// Pictures through one pipeline of a page in Chromium, and loads of models in one: answers stay what they are, memory does not grow.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, openHarness } from '../browser/support/browsers.mjs';
import { FOLDERS } from '../browser/support/server.mjs';
import { root } from '../../tools/places.mjs';
import { start } from '../../tools/serve.mjs';
import { files } from '../node/tiny-checkpoint.mjs';
import { growth, Samples, slope } from './measure.mjs';
import { drawPicture, randomNumbers } from './pictures.mjs';

// A sound run of 20,000 pictures has grown by 300 bytes of resident memory a picture beyond its control, and by 1.3 of the heap.
const BOUNDS = { least: 20_000, rss: 1000, heap: 20 };

/** Returns the number's picture, as a file: { picture, damaged }. The first ten are undamaged, of all others four in a hundred are not. */
function pictureOf(number) {
  for (let seed = number; ; seed += 1_000_003) {
    const drawn = drawPicture(randomNumbers(seed), number < 10 ? 0 : 0.04);
    if (drawn.picture instanceof Uint8Array) return drawn;
  }
}

/** Opens the page in a Chromium of its own, with more `flags`. Returns { call, held, close }. */
async function openSoakPage(flags = []) {
  const model = files();
  const { url, close } = await start({
    folders: [['soak/', join(root, 'tests/soak/pages')], ...FOLDERS],
    before: (path, _, response, headers) => {
      const number = /^pictures\/(\d+)$/.exec(path)?.[1];
      const { picture, damaged } = number ? pictureOf(Number(number)) : { picture: model[/^model\/(.+)$/.exec(path)?.[1]] };
      if (picture) response.writeHead(200, { ...headers, 'Cache-Control': 'no-store', 'X-Damaged': String(damaged) }).end(picture);
      return picture !== undefined;
    },
  });
  // A young generation that is let grow is no leak.
  const host = await launch('chromium', ['--js-flags=--max-semi-space-size=1', ...flags]);
  const { page, complaints } = await openHarness(host.browser, new URL('soak/soak.html', url).href);
  const client = await page.createCDPSession();
  await client.send('Performance.enable');
  const system = await host.browser.target().createCDPSession();
  const renderers = async () =>
    (await system.send('SystemInfo.getProcessInfo')).processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  const residentOf = (id) => Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1]) * 1024;
  return {
    complaints,
    call: (method, ...args) => page.evaluate((wanted, given) => globalThis.harness[wanted](...given), method, args),
    /** Hides the page behind another one or freezes it, for so long. */
    async away(state, milliseconds) {
      if (state === 'hidden') {
        const other = await host.browser.newPage();
        await other.bringToFront();
        await sleep(milliseconds);
        await page.bringToFront();
        await other.close();
      } else {
        await client.send('Page.setWebLifecycleState', { state: 'frozen' });
        await sleep(milliseconds);
        await client.send('Page.setWebLifecycleState', { state: 'active' });
      }
    },
    async held() {
      await client.send('HeapProfiler.collectGarbage');
      // One that is ending need not be asked.
      for (const worker of page.workers()) await worker.client.send('HeapProfiler.collectGarbage').catch(() => undefined);
      const metrics = Object.fromEntries((await client.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
      const sizes = (await renderers()).map(residentOf);
      return {
        rss: sizes.reduce((a, b) => a + b, 0),
        heap: metrics.JSHeapUsedSize,
        handles: metrics.JSEventListeners + page.workers().length,
      };
    },
    async close() {
      await host.close();
      await close();
    },
  };
}

export async function soakPage(enough, { first = 1000, every = 500 } = {}) {
  const page = await openSoakPage();
  const problems = [];
  const [kept, control] = [new Samples(), new Samples()];
  let [count, bad] = [0, 0];
  try {
    const expected = await page.call('open');
    while (!enough(count)) {
      const found = await page.call('run', count, every);
      count += every;
      bad += found.bad;
      problems.push(...found.problems);
      if (count >= first) kept.add({ count, ...(await page.held()), wasm: found.wasm });
    }
    if ((await page.call('answers')) !== expected) problems.push('the answers have changed');
    for (let done = every; done <= count / 2; done += every) {
      await page.call('control', done, every);
      control.add({ count: done, ...(await page.held()), wasm: 0 });
    }
  } finally {
    await page.close();
  }
  const samples = kept.all();
  const later = samples.slice(samples.length >> 1);
  const grown = samples.at(-1).handles - samples[0].handles;
  if (grown > 0) problems.push(`${grown} listeners and workers are left`);
  const wasm = slope(later, (sample) => sample.wasm);
  if (wasm > 1) problems.push(`linear memory grows by ${wasm.toFixed(2)} bytes a picture`);
  problems.push(...growth(samples, { ...BOUNDS, beyond: control.all() }));
  return {
    what: 'pictures of mixed sizes and formats through one pipeline of a page in Chromium',
    count,
    faults: `${bad} damaged pictures`,
    figures: `resident ${slope(later, ({ rss }) => rss).toFixed(0)} (${slope(control.all(), ({ rss }) => rss).toFixed(0)} where the page does all but classify), heap ${slope(later, ({ heap }) => heap).toFixed(2)}, linear memory ${wasm.toFixed(2)} bytes a picture; ${Math.max(grown, 0)} listeners and workers left`,
    problems: [...problems, ...page.complaints],
  };
}

export async function soakPageLoads(enough, { first = 40, every = 20 } = {}) {
  const page = await openSoakPage();
  const problems = [];
  const kept = new Samples();
  let count = 0;
  try {
    while (!enough(count)) {
      problems.push(...(await page.call('loads', count, every)));
      count += every;
      if (count >= first) kept.add({ count, ...(await page.held()), wasm: 0 });
    }
  } finally {
    await page.close();
  }
  const samples = kept.all();
  const grown = samples.at(-1).handles - samples[0].handles;
  if (grown > 0) problems.push(`${grown} listeners and workers are left`);
  return {
    what: 'loads and disposals of four classes in a page in Chromium',
    count,
    faults: 'none',
    figures: `resident ${(slope(samples, ({ rss }) => rss) / 1000).toFixed(2)}, heap ${(slope(samples, ({ heap }) => heap) / 1000).toFixed(2)} kB a load; ${Math.max(grown, 0)} listeners and workers left`,
    problems: [...problems, ...page.complaints],
  };
}

/** A page that is hidden or frozen at any moment, and shown again: during loads and during passes. On a GPU it is that of software. */
export async function soakAway(enough, { seed = 1, longest = 1000, device = 'cpu' } = {}) {
  const random = randomNumbers(seed);
  const page = await openSoakPage(device === 'gpu' ? ['--enable-unsafe-webgpu'] : []);
  const problems = [];
  const times = { hidden: 0, frozen: 0 };
  let count = 0;
  try {
    const expected = await page.call('open', device);
    for (; !enough(count); ++count) {
      // A load, or a few pictures.
      const working = count % 4 === 0 ? page.call('loads', count / 4, 1) : page.call('run', count, 5);
      const ended = working.then(
        (found) => problems.push(...(found.problems ?? found)),
        (error) => problems.push(`${count}: ${error}`),
      );
      await sleep(random() * 30);
      const state = random() < 0.5 ? 'hidden' : 'frozen';
      await page.away(state, random() * longest);
      ++times[state];
      await ended;
    }
    if ((await page.call('answers')) !== expected) problems.push('the answers have changed');
    const found = await page.call('device');
    if (found !== device) problems.push(`the ${found} computes`);
    const seen = await page.call('timesAway');
    if (seen.hidden < times.hidden || seen.frozen < times.frozen)
      problems.push(`the page was ${JSON.stringify(times)}, and saw ${JSON.stringify(seen)}`);
  } finally {
    await page.close();
  }
  return {
    what: `loads and pictures in a page in Chromium${device === 'gpu' ? ', on a GPU of software,' : ''} that is hidden or frozen meanwhile, and shown again`,
    count,
    faults: `hidden ${times.hidden} times, frozen ${times.frozen} times`,
    figures: 'all loads usable, all answers there and the same',
    problems: [...problems, ...page.complaints],
  };
}
