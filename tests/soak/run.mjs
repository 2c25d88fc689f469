// `npm run soak -- MINUTES [NAME...]`: the library and its batches under load and faults, a row of a table for each; a row ends when it has had so
// many, or its share of the minutes that are left.
//   --write: puts the table into docs/reliability.md
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../../tools/places.mjs';
import { Failure, main, say } from '../../tools/report.mjs';
import { soakBatch } from './batch.mjs';
import { soakConnections } from './connections.mjs';
import { soakLoads } from './loads.mjs';
import { soakAway, soakPage, soakPageLoads } from './page.mjs';
import { soakPipeline } from './pipeline.mjs';
import { soakQueue } from './queue.mjs';

/** By name: how many, and what does them. */
const ROWS = {
  'pipeline': [100_000, soakPipeline],
  'loads': [1000, soakLoads],
  'connections': [1000, soakConnections],
  'batch': [20_000, soakBatch],
  'queue': [20_000, soakQueue],
  'clocks': [20_000, (enough) => soakQueue(enough, { jumps: true, seed: 2 })],
  'page': [20_000, soakPage],
  'page-loads': [1000, soakPageLoads],
  'away': [500, soakAway],
  'away-gpu': [500, (enough) => soakAway(enough, { device: 'gpu' })],
};

await main(async (args) => {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { write: { type: 'boolean', default: false } } });
  const [minutes, ...named] = positionals;
  const names = named.length > 0 ? named : Object.keys(ROWS);
  const unknown = names.find((name) => !ROWS[name]);
  if (!(Number(minutes) > 0) || unknown) throw new Failure(`usage: npm run soak -- MINUTES [${Object.keys(ROWS).join('|')}...] [--write]`);
  const lines = ['| load | how often | faults | found | lost or wrong |', '|---|---|---|---|---|'];
  const problems = [];
  const last = performance.now() + minutes * 60_000;
  for (const [i, name] of names.entries()) {
    const now = performance.now();
    const end = now + (last - now) / (names.length - i);
    const [most, soak] = ROWS[name];
    const row = await soak((count) => count >= most || performance.now() >= end);
    lines.push(
      `| ${row.what} | ${row.count.toLocaleString('en')} | ${row.faults} | ${row.figures} | ${row.problems.length || 'nothing'} |`,
    );
    problems.push(...row.problems.map((problem) => `${name}: ${problem}`));
    say(lines.at(-1));
  }
  if (values.write) {
    const path = join(root, 'docs/reliability.md');
    const conditions = `${minutes} minutes on ${cpus().length} processors (${cpus()[0].model.trim()}), Node ${process.versions.node}.`;
    const table = `<!-- npm run soak -- ${minutes} --write -->\n\n${lines.join('\n')}\n\n${conditions}\n<!-- end -->`;
    writeFileSync(path, readFileSync(path, 'utf8').replace(/<!-- npm run soak[\s\S]*<!-- end -->/, table));
  }
  if (problems.length > 0) throw new Failure(problems.slice(0, 20).join('\n'));
});
