// `npm run soak -- MINUTES [NAME...]`: the library and its batches under load and faults for so long, shared among the rows of a table.
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
import { soakPipeline } from './pipeline.mjs';

const ROWS = { pipeline: soakPipeline, loads: soakLoads, connections: soakConnections, batch: soakBatch };

await main(async (args) => {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { write: { type: 'boolean', default: false } } });
  const [minutes, ...named] = positionals;
  const names = named.length > 0 ? named : Object.keys(ROWS);
  const unknown = names.find((name) => !ROWS[name]);
  if (!(Number(minutes) > 0) || unknown) throw new Failure(`usage: npm run soak -- MINUTES [${Object.keys(ROWS).join('|')}...] [--write]`);
  const lines = ['| load | how often | faults | found | lost or wrong |', '|---|---|---|---|---|'];
  const problems = [];
  for (const name of names) {
    const end = performance.now() + (minutes * 60_000) / names.length;
    const row = await ROWS[name](() => performance.now() >= end);
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
