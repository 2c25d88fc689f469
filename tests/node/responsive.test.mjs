// Where the work is done, so that a process's event loop goes on: counted in turns of the loop, not in time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { pipeline, runtimeInfo } from '../../dist/node.js';
import { root } from './support.mjs';

const LIBRARY = pathToFileURL(join(root, 'dist/node.js')).href;

/** Returns what `work` returns, and how many turns the event loop had meanwhile. */
async function turnsDuring(work) {
  let turns = 0;
  let going = true;
  const turn = () => {
    ++turns;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  const result = await work();
  going = false;
  return { result, turns };
}

test('the main thread works in a worker, and other threads in themselves', async () => {
  assert.equal(runtimeInfo().worker, true);
  const script = `
    import { parentPort } from 'node:worker_threads';
    import { createEngine } from ${JSON.stringify(LIBRARY)};
    const engine = await createEngine({ build: 'simd' });
    parentPort.postMessage(engine.info.worker);
    await engine.dispose();`;
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  assert.equal(await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject)), false);
  await thread.terminate();
});

test('the event loop turns while a large picture is segmented, with legend and overlay', async () => {
  const [width, height] = [1600, 1200];
  const image = { width, height, channels: 3, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 2654435761) >>> 24) };
  const answers = [];
  const turns = [];
  for (const worker of [false, undefined]) {
    const segment = await pipeline('image-segmentation', null, { worker, build: 'simd' });
    await segment(image);
    const { result, turns: count } = await turnsDuring(() => segment(image, { scores: true, overlay: true }));
    answers.push(result);
    turns.push(count);
    await segment.dispose();
  }
  assert.deepEqual(answers[1], answers[0]);
  // Here a turn comes between two steps; in a worker the loop never stops.
  assert.ok(turns[1] > 10 * turns[0], `${turns[1]} turns beside a worker, ${turns[0]} in this thread`);
});

test('a process whose work is done ends, whatever engine it has forgotten', async () => {
  for (const build of ['simd', 'simd-threads']) {
    const script = `
      import { pipeline } from ${JSON.stringify(LIBRARY)};
      const classify = await pipeline('image-classification', null, { build: '${build}' });
      const [best] = await classify({ width: 9, height: 7, channels: 3, data: new Uint8Array(189) });
      console.log(classify.runtimeInfo().worker, typeof best.label);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    assert.deepEqual([status, output], [0, 'true string\n']);
  }
});
