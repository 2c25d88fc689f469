// What a photo of 12 megapixels costs, from its file to a model's 224 pixels, on one thread. Not a part of the tests.
//   node tools/bench/decode.mjs [--picture FILE] [--python PROGRAM] [--build simd] [--rounds 15]
//     --picture  a JPEG (default: one that is drawn, by a Python with Pillow)
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root, tools } from '../places.mjs';
import { main, say } from '../report.mjs';
import { show } from './statistics.mjs';

/** Draws the picture where there is none. Returns its file. */
function drawn(python) {
  const folder = join(tools, 'bench', 'pictures');
  const file = join(folder, 'photo.jpg');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) execFileSync(python, [join(root, 'tools', 'bench', 'decode_picture.py'), file], { stdio: 'inherit' });
  return file;
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      picture: { type: 'string' },
      python: { type: 'string', default: 'python3' },
      build: { type: 'string', default: 'simd' },
      rounds: { type: 'string', default: '15' },
    },
  });
  const bytes = new Uint8Array(readFileSync(values.picture ?? drawn(values.python)));
  const { BeitImageProcessor, createEngine } = await import(pathToFileURL(join(root, 'dist', 'node.js')).href);
  const engine = await createEngine({ build: values.build, threads: 1 });
  const processor = await BeitImageProcessor.fromJSON({ do_center_crop: false }, { engine });
  const times = { 'file to 224 pixels': [], 'file to samples': [], 'samples to 224 pixels': [] };
  const used = {};
  const timed = async (name, run) => {
    const start = process.cpuUsage();
    const value = await run();
    const { user, system } = process.cpuUsage(start);
    times[name].push((user + system) / 1000);
    used[name] ??= await engine.memory();
    return value;
  };
  for (let round = 0; round < Number(values.rounds); ++round) {
    await timed('file to 224 pixels', () => processor.preprocess(bytes));
    const raw = await timed('file to samples', () => engine.decodeImage(bytes, 'photo'));
    await timed('samples to 224 pixels', () => processor.preprocess(raw));
  }
  say(
    `${(bytes.length / 1e6).toFixed(1)} MB, ${values.build}, milliseconds of processor time (the first rounds are the engine's compiler's):`,
  );
  for (const [name, each] of Object.entries(times)) say(`  ${name}: ${show(each)}, at least ${Math.min(...each).toFixed(0)}`);
  for (const [name, { peak, heap }] of Object.entries(used))
    say(`  most memory until the first ${name}: ${(peak / 1e6).toFixed(1)} MB given out, ${(heap / 1e6).toFixed(1)} MB of linear memory`);
  await engine.dispose();
});
