// One load in a process of its own, so that its peak memory is its own: prints JSON.
//   load-child.mjs BUILD library|memory|read FOLDER [DTYPE]
// library: from the call of fromPretrained() to the ready model. memory: the same, with what it takes
// above an engine that has started. read: the same file into wasm memory of that size, and nothing else.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { startCore } from './core.mjs';

const [build, what, folder, dtype] = process.argv.slice(2);
const CHUNK = 1 << 20;
let milliseconds;
let weights = 0,
  before = 0,
  heap = 0;

if (what === 'library') {
  const { BeitForImageClassification } = await import('../../dist/node.js');
  const begin = performance.now();
  const model = await BeitForImageClassification.fromPretrained(folder, { worker: false, build, dtype });
  milliseconds = performance.now() - begin;
  weights = model.estimate.weights;
} else if (what === 'memory') {
  const { BeitForImageClassification, createEngine } = await import('../../dist/node.js');
  const engine = await createEngine({ worker: false, build });
  before = process.memoryUsage.rss();
  const heapBefore = (await engine.memory()).heap;
  const begin = performance.now();
  const model = await BeitForImageClassification.fromPretrained(folder, { engine });
  milliseconds = performance.now() - begin;
  weights = model.estimate.weights;
  heap = (await engine.memory()).heap - heapBefore;
} else {
  const begin = performance.now();
  const core = await startCore(build, 1);
  const file = openSync(join(folder, 'model.safetensors'));
  const size = fstatSync(file).size;
  const memory = core._malloc(size) >>> 0;
  for (let at = 0; at < size; ) at += readSync(file, core.HEAPU8, memory + at, Math.min(CHUNK, size - at), at);
  closeSync(file);
  milliseconds = performance.now() - begin;
}
console.log(JSON.stringify({ milliseconds, weights, before, heap, peak: process.resourceUsage().maxRSS * 1024 }));
process.exit(0);
