// Passes of one model in a process of its own: prints JSON with the time of each, the CPU time of
// the process meanwhile, where the time went, and the logits.
//   forward-child.mjs BUILD THREADS FOLDER PASSES DTYPE
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, startCore, unwrap } from './core.mjs';

const [build, threads, folder, passes, dtype] = process.argv.slice(2);
const core = await startCore(build, Number(threads));
const model = loadModel(core, folder, { dtype });
const { numChannels, imageSize } = unwrap(core.readConfig(readFileSync(join(folder, 'config.json'), 'utf8')));
const dims = [1, numChannels, imageSize.height, imageSize.width];
const pixels = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i / 97));

function once() {
  const pass = unwrap(model.begin({ pixelValues: { dims, data: pixels } }, {}));
  while (!unwrap(pass.step()));
  const { data } = pass.outputs().logits;
  pass.delete();
  return data;
}

// V8 compiles a function anew only between its calls: a few passes until the fast code runs.
for (let i = 0; i < 3; ++i) once();
core.takeProfile();
const rows = [];
let logits;
for (let i = 0; i < Number(passes); ++i) {
  const begin = performance.now();
  const usage = process.cpuUsage();
  logits = once();
  const { user, system } = process.cpuUsage(usage);
  rows.push({ milliseconds: performance.now() - begin, cpu: (user + system) / 1e3, work: core.takeProfile() });
}
console.log(JSON.stringify({ rows, logits: [...logits] }));
process.exit(0);
