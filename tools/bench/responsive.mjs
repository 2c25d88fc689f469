// How long a thread is held while a picture of 12 million pixels is segmented with legend and overlay, on this machine. Chromium:
// the longest task that the browser tells of (it tells of those of 50 ms and more), and the longest wait of a timer of 4 ms; the
// picture comes as a file, an element, a bitmap and as samples. Node: the longest delay of the event loop; the picture comes as a
// file and as samples. Last of each, with the core in that thread, for comparison.
//   node tools/bench/responsive.mjs [--rounds N] [--width N] [--height N] [--build BUILD] [--json FILE]
// Needs a release build and Chromium. What else the machine does counts, too.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { pipeline } from '../../dist/node.js';
import { launch, openHarness } from '../../tests/browser/support/browsers.mjs';
import { startServer } from '../../tests/browser/support/server.mjs';
import { main, say } from '../report.mjs';
import { show } from './statistics.mjs';

/** Returns the rows of this process: a picture of noise on steps of grey. */
async function segmentHere({ width, height, build }, forms, worker) {
  const samples = {
    width,
    height,
    channels: 3,
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i >> 14) + (Math.imul(i, 0x9e3779b1) >>> 29)),
  };
  const folder = mkdtempSync(join(tmpdir(), 'beit-picture-'));
  const segment = await pipeline('image-segmentation', null, { worker, build });
  try {
    const given = { samples, file: join(folder, 'picture.ppm') };
    writeFileSync(given.file, Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), samples.data]));
    const rows = [];
    for (const form of forms) {
      const delay = monitorEventLoopDelay({ resolution: 4 });
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      delay.enable();
      const begin = performance.now();
      await segment(given[form], { overlay: true });
      const milliseconds = performance.now() - begin;
      delay.disable();
      rows.push({ form, milliseconds, longestWait: delay.max / 1e6 });
    }
    return rows;
  } finally {
    await segment.dispose();
    rmSync(folder, { recursive: true });
  }
}

async function segment(host, server, options) {
  const { page } = await openHarness(host.browser, `${server.url}tests/responsive.html`);
  try {
    page.setDefaultTimeout(300000);
    return await page.evaluate((given) => globalThis.harness.segment(given), options);
  } finally {
    await page.close();
  }
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      width: { type: 'string', default: '4000' },
      height: { type: 'string', default: '3000' },
      build: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const size = { width: Number(values.width), height: Number(values.height), build: values.build };
  const host = await launch('chromium');
  const server = await startServer();
  try {
    const rows = new Map();
    const add = (name, row) => rows.set(name, [...(rows.get(name) ?? []), row]);
    for (let i = 0; i < Number(values.rounds); ++i) {
      for (const row of await segment(host, server, { ...size, forms: ['file', 'element', 'bitmap', 'samples'] })) add(row.form, row);
      for (const row of await segment(host, server, { ...size, forms: ['file'], build: undefined, worker: false }))
        add('file, in the page', row);
      for (const row of await segmentHere(size, ['file', 'samples'])) add(`Node, ${row.form}`, row);
      for (const row of await segmentHere(size, ['file'], false)) add('Node, file, worker: false', row);
    }
    say(
      `${size.width} x ${size.height} pixels, the embedded segmentation checkpoint, legend and overlay; median (min to max of ${values.rounds})`,
    );
    for (const [name, all] of rows) {
      const of = (key) =>
        `${show(
          all.map((row) => row[key]),
          0,
        )} ms`;
      say(
        `  ${name.padEnd(26)}longest wait ${of('longestWait')}${all[0].longestTask === undefined ? '' : `, longest task ${of('longestTask')}`}, answer after ${of('milliseconds')}`,
      );
    }
    if (values.json) writeFileSync(values.json, JSON.stringify(Object.fromEntries(rows), null, 1));
  } finally {
    await host.close();
    await server.stop();
  }
});
