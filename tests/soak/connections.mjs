// Loads over connections that are cut at random bytes: the right answer or a typed error, and nothing left behind.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BeitError, pipeline } from '../../dist/node.js';
import { root } from '../../tools/places.mjs';
import { held } from './measure.mjs';
import { drawPicture, randomNumbers } from './pictures.mjs';

const checkpoint = join(root, 'weights/embedded/classifier');

// A load that takes longer stands still.
const LONGEST_MS = 120_000;

export async function soakConnections(enough, { seed = 1 } = {}) {
  const random = randomNumbers(seed);
  const files = Object.fromEntries(readdirSync(checkpoint).map((name) => [name, readFileSync(join(checkpoint, name))]));
  let cut = 0;
  let share = 0.5;
  const server = createServer((request, response) => {
    const bytes = files[request.url.slice(1)];
    if (!bytes) return void response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = bytes.subarray(start);
    const headers = { 'content-length': rest.length, 'accept-ranges': 'bytes', 'etag': '"1"' };
    if (start > 0) headers['content-range'] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (random() >= share) return void response.end(rest);
    ++cut;
    response.write(rest.subarray(0, Math.floor(random() * rest.length)), () => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const problems = [];
  let [before, count, failed] = [null, 0, 0];
  let folder = mkdtempSync(join(tmpdir(), 'beit-soak-'));
  try {
    const base = `http://127.0.0.1:${server.address().port}/`;
    const { picture } = drawPicture(random, 0);
    const options = { worker: false, threads: 1 };
    const open = (where, more) => pipeline('image-classification', where, { ...options, retry: { attempts: 4, delay: 1 }, ...more });
    const whole = await open(checkpoint);
    const expected = JSON.stringify(await whole(picture));
    await whole.dispose();
    before = await held();
    for (; !enough(count); ++count) {
      // With a cache every other time, which is begun anew now and then.
      const cache = count % 2 === 1 && folder;
      share = random();
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(new Error('The load stands still.')), LONGEST_MS);
      try {
        const run = await open(base, { cache, signal: limit.signal });
        if (JSON.stringify(await run(picture)) !== expected) problems.push(`load ${count}: another answer`);
        await run.dispose();
      } catch (error) {
        ++failed;
        if (!(error instanceof BeitError) || !['network', 'io', 'truncated'].includes(error.code))
          problems.push(`load ${count}: ${error.code} ${error}`);
      } finally {
        clearTimeout(timer);
      }
      if (count % 20 === 19) {
        rmSync(folder, { recursive: true });
        folder = mkdtempSync(join(tmpdir(), 'beit-soak-'));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  const left = (await held()).handles - before.handles;
  if (left > 0) problems.push(`${left} handles are left`);
  return {
    what: 'loads over connections that are cut at random bytes',
    count,
    faults: `${cut} cut connections`,
    figures: `${count - failed} loads with the right answer, ${failed} typed errors; ${Math.max(left, 0)} handles left`,
    problems,
  };
}
