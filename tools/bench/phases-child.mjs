// What a user of the library waits for, from nothing to the answers to several pictures, in a process of its own:
// prints JSON, in milliseconds.
//   phases-child.mjs BUILD THREADS FOLDER|- DTYPE PASSES PICTURE      -: the embedded classifier
import { readFileSync } from 'node:fs';

const [build, threads, folder, dtype, passes, picture] = process.argv.slice(2);
const phases = {};

async function timed(phase, work) {
  const begin = performance.now();
  const result = await work();
  (phases[phase] ??= []).push(performance.now() - begin);
  return result;
}

const library = await timed('import', () => import('../../dist/node.js'));
const engine = await timed('engine', () => library.createEngine({ worker: false, build, threads: Number(threads) }));
const classify = await timed('load', () => library.pipeline('image-classification', folder === '-' ? null : folder, { engine, dtype }));
const bytes = readFileSync(picture);
await timed('first answer', () => classify(bytes));
const processor = await library.BeitImageProcessor.fromPretrained(
  folder === '-' ? new URL('../../weights/embedded/classifier/', import.meta.url) : folder,
  { engine },
);
for (let i = 0; i < Number(passes); ++i) {
  const { pixelValues } = await timed('decode, resize, normalise', () => processor.preprocess(bytes));
  await timed('forward pass', () => classify.model.forward({ pixelValues }));
  await timed('answer in all', () => classify(bytes));
}
console.log(JSON.stringify(phases));
process.exit(0);
