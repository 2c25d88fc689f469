// What a visitor of the demo waits for, as buildSite() writes it, in Chromium from this machine: the first answer in a
// profile of its own, bytes, layout shifts, and frames a second of segmentation with a camera.
//   node tools/bench/page.mjs [--rounds N] [--threads N] [--seconds N] [--json FILE]
// Needs a release build and Chromium.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { launch, openPage } from '../../tests/browser/support/browsers.mjs';
import { answerTo, openTab, part } from '../../tests/browser/support/demo.mjs';
import { main, say } from '../report.mjs';
import { start } from '../serve.mjs';
import { buildSite } from '../site.mjs';
import { show } from './statistics.mjs';

const mb = (bytes) => `${(bytes / 1e6).toFixed(3)} MB`;

/** Notes in the page when the first answer is seen, and what moved until then. */
function watch(answer) {
  globalThis.seen = { answer: null, shift: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.seen.shift += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
  const observer = new MutationObserver(() => {
    if (!document.querySelector(answer)?.checkVisibility()) return;
    observer.disconnect();
    globalThis.seen.answer = performance.now();
  });
  observer.observe(document, { childList: true, subtree: true, attributes: true });
}

async function firstAnswer(url) {
  const host = await launch('chromium');
  try {
    const page = await host.browser.newPage();
    page.setDefaultTimeout(60000);
    await page.evaluateOnNewDocument(watch, part('classify', 'answer'));
    // Each file once: the service worker asks again for what it keeps, which the browser has by then.
    const lengths = new Map();
    page.on('response', (response) => {
      const { 'content-length': length = 0, 'content-range': range = '' } = response.headers();
      if (response.ok() && response.url().startsWith(url)) lengths.set(`${response.url()} ${range}`, Number(length));
    });
    await page.goto(url);
    await page.waitForFunction(() => globalThis.seen.answer !== null);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const sum = (wanted) =>
      [...lengths].filter(([address]) => address.includes('/weights/') === wanted).reduce((all, [, length]) => all + length, 0);
    return {
      ...(await page.evaluate(() => globalThis.seen)),
      page: sum(false),
      weights: sum(true),
      files: Object.fromEntries(lengths),
      runtime: await page.$eval('#foot-runtime', (element) => element.textContent),
    };
  } finally {
    await host.close();
  }
}

async function camera(url, threads, seconds) {
  const host = await launch('chromium', ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
  try {
    const { page } = await openPage(host.browser, `${url}?threads=${threads}`);
    await answerTo(page, 'beach');
    await openTab(page, 'segment');
    await page.waitForFunction((answer) => document.querySelector(answer).checkVisibility(), {}, part('segment', 'answer'));
    await page.locator(part('segment', 'live')).click();
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    const facts = await page.$eval(part('segment', 'live-facts'), (element) => element.textContent);
    return { perSecond: Number(/^([\d.]+) frames/.exec(facts)[1]), facts };
  } finally {
    await host.close();
  }
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      threads: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '8' },
      json: { type: 'string' },
    },
  });
  const server = await start({ folders: [['', await buildSite()]] });
  try {
    const rows = [];
    const frames = [];
    for (let i = 0; i < Number(values.rounds); ++i) {
      rows.push(await firstAnswer(server.url));
      frames.push(await camera(server.url, values.threads, Number(values.seconds)));
    }
    const of = (key) => rows.map((row) => row[key]);
    say(`First answer, cold, ${show(of('answer'), 0)} ms after navigation (median, min to max of ${rows.length}); ${rows[0].runtime}`);
    say(
      `Bytes: ${mb(Math.max(...of('page')))} and ${mb(Math.max(...of('weights')))} of checkpoint. Layout shift ${Math.max(...of('shift')).toFixed(4)}.`,
    );
    say(
      `Segmentation of a camera, ${values.threads} threads: ${show(frames.map(({ perSecond }) => perSecond))} frames a second. The last: ${frames.at(-1).facts}`,
    );
    if (values.json) writeFileSync(values.json, JSON.stringify({ rows, frames }, null, 1));
  } finally {
    await server.close();
  }
});
