// Many pictures in the tab Teach: that it takes them all, and what a picture costs in memory. Not a part of the tests: it takes minutes.
//   node tools/bench/teach-many.mjs [--pictures 10000] [--classes 20] [--browser chromium]
import { parseArgs } from 'node:util';
import { launch, openPage } from '../../tests/browser/support/browsers.mjs';
import { part, usable } from '../../tests/browser/support/demo.mjs';
import { startServer } from '../../tests/browser/support/server.mjs';
import { main, say } from '../report.mjs';

const A_TIME = 200;
const PATIENCE_MS = 3600e3;

/** Draws pictures and gives them to their classes, as a folder of folders would. Runs in the page. */
async function give(from, to, classes) {
  const data = Array.from({ length: classes }, () => new DataTransfer());
  for (let i = from; i < to; ++i) {
    const label = i % classes;
    const canvas = new OffscreenCanvas(96, 96);
    const context = canvas.getContext('2d');
    context.fillStyle = `hsl(${(label * 360) / classes + ((i * 7) % 12)} 50% ${30 + ((i * 13) % 30)}%)`;
    context.fillRect(0, 0, 96, 96);
    for (let k = 0; k <= label % 5; ++k) {
      context.fillStyle = `hsl(${(i * 31 + k * 70) % 360} 60% 70%)`;
      if (label % 2) context.fillRect((i * 17 + k * 23) % 70, (i * 11 + k * 31) % 70, 12 + label, 20);
      else context.fillRect((i * 5 + k * 37) % 80, (i * 3 + k * 13) % 60, 14, 10 + 2 * label);
    }
    data[label].items.add(new File([await canvas.convertToBlob({ type: 'image/jpeg' })], `${i}.jpg`, { type: 'image/jpeg' }));
  }
  for (const [k, input] of [...document.querySelectorAll('#panel-teach .class input[type="file"]')].entries()) {
    if (!data[k]?.items.length) continue;
    input.files = data[k].files;
    input.dispatchEvent(new Event('change'));
  }
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      pictures: { type: 'string', default: '10000' },
      classes: { type: 'string', default: '20' },
      browser: { type: 'string', default: 'chromium' },
    },
  });
  const [pictures, classes] = [Number(values.pictures), Number(values.classes)];
  const server = await startServer();
  // Without the flag a measurement waits for the next collection, which may be minutes away.
  const flags = values.browser === 'chromium' ? ['--enable-blink-features=ForceEagerMeasureMemory'] : [];
  const host = await launch(values.browser, flags);
  try {
    const { page, complaints } = await openPage(host.browser, `${server.url}#teach`);
    page.setDefaultTimeout(PATIENCE_MS);
    await usable(page, 'teach');
    for (let i = 2; i < classes; ++i) await page.locator(part('teach', 'add-class')).click();
    const client = values.browser === 'chromium' ? await page.createCDPSession() : null;
    const memory = async () => {
      if (!client) return null;
      await client.send('HeapProfiler.collectGarbage');
      const { usedSize } = await client.send('Runtime.getHeapUsage');
      const { bytes } = await page.evaluate(() => performance.measureUserAgentSpecificMemory());
      return { heap: usedSize, all: bytes };
    };
    /** Resolves when nothing is to come and all is kept. */
    const idle = () =>
      page.waitForFunction(
        (kept) =>
          document.querySelector(kept).textContent === 'Kept on this device.' &&
          ![...document.querySelectorAll('.class-count')].some(({ textContent }) => textContent.includes('to come')),
        { polling: 500 },
        part('teach', 'kept'),
      );
    let first = null;
    for (let done = 0; done < pictures; ) {
      const next = Math.min(done + A_TIME, pictures);
      await page.evaluate(give, done, next, classes);
      await idle();
      done = next;
      if (done % 1000 !== 0 && done !== A_TIME && done !== pictures) continue;
      const now = await memory();
      first ??= { done, now };
      const each = (what) =>
        now && done > first.done ? `${Math.round((now[what] - first.now[what]) / (done - first.done))} B a picture` : '';
      say(
        `${done} pictures: ${await page.$eval(part('teach', 'verdict'), (p) => p.textContent)} ` +
          `${await page.$eval(part('teach', 'verdict-detail'), (p) => /Fitted in [^.]*\.?\d* m?s/.exec(p.textContent)?.[0] ?? '')}` +
          (now
            ? `; heap ${(now.heap / 1e6).toFixed(1)} MB ${each('heap')}; page and workers ${(now.all / 1e6).toFixed(1)} MB ${each('all')}`
            : ''),
      );
    }
    say(`complaints: ${complaints.length === 0 ? 'none' : complaints.join('; ')}`);
  } finally {
    await host.close();
    await server.stop();
  }
});
