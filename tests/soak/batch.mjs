// A batch whose process is killed again and again: every picture is in one row of one shard.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../tools/places.mjs';
import { writeCheckpoint } from '../node/tiny-checkpoint.mjs';
import { randomNumbers, writePictures } from './pictures.mjs';

// A batch that takes longer stands still.
const LONGEST_MS = 1_200_000;

/** Until `enough(pictures done)`, batches of `size` pictures, each with up to `kills` kills within `life` milliseconds. */
export async function soakBatch(enough, { size = 2000, kills = 6, life = 5000, shardSize = 50, seed = 1 } = {}) {
  const random = randomNumbers(seed);
  const folder = mkdtempSync(join(tmpdir(), 'beit-soak-'));
  const problems = [];
  let [count, killed] = [0, 0];
  try {
    const model = writeCheckpoint(join(folder, 'model'));
    const pictures = writePictures(folder, random, 100);
    do {
      const output = join(folder, 'out');
      const names = Array.from({ length: size }, () => pictures[Math.floor(random() * pictures.length)]);
      writeFileSync(join(folder, 'list.txt'), names.join('\n'));
      const words = ['--task', 'classify', '--model', model, '--input', join(folder, 'list.txt'), '--output', output];
      for (let turn = 0; ; ++turn) {
        const child = spawn(
          process.execPath,
          [join(root, 'dist/cli/main.js'), 'batch', ...words, '--shard-size', String(shardSize), '--resume'],
          {
            stdio: ['ignore', 'ignore', 'pipe'],
          },
        );
        let complaint = '';
        child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
        const isKilled = turn < kills;
        const timer = setTimeout(() => child.kill('SIGKILL'), isKilled ? random() * life : LONGEST_MS);
        const [status, signal] = await once(child, 'close');
        clearTimeout(timer);
        if (status === 0 || status === 1) break;
        // What ends it besides, such as a lack of memory, would end it again and again.
        if (!isKilled || signal !== 'SIGKILL') {
          problems.push(`the batch ended with ${signal ?? `status ${status}`}: ${complaint}`);
          break;
        }
        ++killed;
      }
      if (problems.length > 0) break;
      const rows = readdirSync(output)
        .filter((name) => /^\d/.test(name))
        .sort()
        .flatMap((name) => readFileSync(join(output, name), 'utf8').trim().split('\n'))
        .map((line) => JSON.parse(line));
      if (rows.length !== names.length || rows.some(({ path }, i) => path !== names[i]))
        problems.push('rows are not the pictures in their order');
      if (readdirSync(output).some((name) => name.endsWith('.part'))) problems.push('a part of a file is left');
      rmSync(output, { recursive: true });
      count += size;
    } while (!enough(count) && problems.length === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    what: `beit batch, ${shardSize} pictures a shard, its process killed and started again`,
    count,
    faults: `${killed} SIGKILLs`,
    figures: 'each picture in one row, in order; no part of a file left',
    problems,
  };
}
