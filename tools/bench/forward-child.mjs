// Passes of one model in a process of its own: prints JSON with the time of each, the CPU time of
// the process meanwhile, where the time went, logits (of many every nth), and memory as estimated and as taken.
//   forward-child.mjs BUILD THREADS FOLDER PASSES DTYPE [WARM_UPS]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel, startCore, unwrap } from './core.mjs';

const MOST_LOGITS = 20000;

// V8 compiles a function anew only between its calls: a few passes until the fast code runs.
const [build, threads, folder, passes, dtype, warmUps = 3] = process.argv.slice(2);
const core = await startCore(build, Number(threads));
const before = unwrap(core.memory()).used;
const config = readFileSync(join(folder, 'config.json'), 'utf8');
const model = loadModel(core, folder, { className: JSON.parse(config).architectures[0], dtype });
const loaded = unwrap(core.memory()).used - before;
const { numChannels, imageSize } = unwrap(core.readConfig(config));
const dims = [1, numChannels, imageSize.height, imageSize.width];
const pixels = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i / 97));

function once() {
  const pass = unwrap(model.begin({ pixelValues: { dims, data: pixels } }, {}));
  while (!unwrap(pass.step()));
  const { data } = unwrap(pass.outputs()).logits;
  pass.delete();
  return data;
}

for (let i = 0; i < Number(warmUps); ++i) once();
core.takeProfile();
const rows = [];
let logits;
for (let i = 0; i < Number(passes); ++i) {
  const begin = performance.now();
  const usage = process.cpuUsage();
  logits = once();
  const { user, system } = process.cpuUsage(usage);
  rows.push({ milliseconds: performance.now() - begin, cpu: (user + system) / 1e3, work: unwrap(core.takeProfile()) });
}
const memory = {
  estimate: unwrap(model.estimate()),
  loaded,
  peak: unwrap(core.memory()).peak - before,
  resident: process.resourceUsage().maxRSS * 1024,
};
const every = Math.ceil(logits.length / MOST_LOGITS);
const text = JSON.stringify({ rows, logits: [...logits].filter((_, i) => i % every === 0), memory });
// Not before all of it is written: a pipe takes some 64 KB at once.
process.stdout.write(text, () => process.exit(0));
