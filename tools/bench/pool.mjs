// Engines side by side against one engine of as many threads: pictures a second in turn, and memory.
//   node tools/bench/pool.mjs [SOURCE] [--engines 2] [--pictures 20] [--turns 4] [--dtype f32|int8]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPool } from '../../dist/node.js';
import { root } from '../places.mjs';
import { say } from '../report.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: '2' },
    pictures: { type: 'string', default: '20' },
    turns: { type: 'string', default: '4' },
    dtype: { type: 'string', default: 'f32' },
  },
});
const [engines, count, turns] = [values.engines, values.pictures, values.turns].map(Number);
const picture = readFileSync(join(root, 'demo/samples/harbour.jpg'));
const pictures = Array.from({ length: count }, () => picture);

const forms = [
  { name: `1 engine, 1 thread`, engines: 1, threads: 1, build: undefined },
  { name: `1 engine, ${engines} threads`, engines: 1, threads: engines },
  { name: `${engines} engines, 1 thread`, engines, threads: 1 },
];
for (const form of forms) {
  const before = process.memoryUsage.rss();
  form.pool = await createPool({ engines: form.engines, threads: form.threads });
  form.run = await form.pool.pipeline('image-classification', positionals[0] ?? null, { dtype: values.dtype });
  await form.run(pictures.slice(0, 4));
  form.memory = process.memoryUsage.rss() - before;
  form.rates = [];
  form.processor = []; // milliseconds a picture, which others on the machine hardly change
}
for (let turn = 0; turn < turns; ++turn) {
  for (const form of forms) {
    const began = performance.now();
    const used = process.cpuUsage();
    await form.run(pictures);
    form.rates.push((1000 * count) / (performance.now() - began));
    const { user, system } = process.cpuUsage(used);
    form.processor.push((user + system) / 1000 / count);
  }
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const first = median(forms[0].rates);
for (const { name, run, pool, rates, processor, memory } of forms) {
  const rate = median(rates);
  const { build } = pool.runtimeInfo();
  const { heap } = await pool.memory();
  say(
    `${name.padEnd(22)} ${build.padEnd(16)} ${rate.toFixed(2).padStart(8)}/s  ${(rate / first).toFixed(2)} x  ${median(processor).toFixed(1)} ms of a processor  ${(memory / 1e6).toFixed(0)} MB more resident, ${(heap / 1e6).toFixed(0)} MB of linear memory`,
  );
  await run.dispose();
  await pool.dispose();
}
