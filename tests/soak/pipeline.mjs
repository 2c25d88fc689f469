// Pictures through one pipeline: answers stay what they are, memory does not grow.
import { getEventListeners } from 'node:events';
import { BeitError, pipeline } from '../../dist/node.js';
import { files } from '../node/tiny-checkpoint.mjs';
import { growth, held, Samples, slope } from './measure.mjs';
import { drawPicture, randomNumbers } from './pictures.mjs';

// A pipeline has what it needs after so many.
const FIRST = 1000;
const EVERY = 500;
// Sound runs have grown by up to 20 bytes of resident memory and 1 of the heap a picture; before so many they say little.
const BOUNDS = { least: 45_000, rss: 200, heap: 20 };

/** `enough(count)` ends it. Returns what a row of the table has, and `problems`. */
export async function soakPipeline(enough, given = {}) {
  const classify = await pipeline('image-classification', files(), { worker: true, threads: 1 });
  try {
    return await run(classify, enough, given);
  } finally {
    await classify.dispose();
  }
}

async function run(classify, enough, { first = FIRST, every = EVERY, seed = 1 }) {
  const random = randomNumbers(seed);
  const problems = [];
  const signal = new AbortController().signal;
  const known = Array.from({ length: 8 }, () => drawPicture(random, 0).picture);
  const expected = await classify(known);
  const kept = new Samples();
  let [count, bad] = [0, 0];
  for (; !enough(count); ++count) {
    const { picture, damaged } = drawPicture(random);
    try {
      await classify(picture, { signal });
      if (damaged) problems.push(`picture ${count} is damaged, and has an answer`);
    } catch (error) {
      if (!damaged || !(error instanceof BeitError)) problems.push(`picture ${count}: ${error}`);
      ++bad;
    }
    if (count >= first && count % every === 0) kept.add({ count, ...(await held()), wasm: (await classify.memory()).heap });
  }
  const samples = kept.all();
  const after = await classify(known);
  if (JSON.stringify(after) !== JSON.stringify(expected)) problems.push('the answers have changed');
  const listeners = getEventListeners(signal, 'abort').length;
  if (listeners > 0) problems.push(`${listeners} listeners are left on the signal`);
  const grown = samples.at(-1)?.handles - samples[0]?.handles;
  if (grown > 0) problems.push(`${grown} handles are left`);
  // Heaps of threads find their sizes in the first half.
  const later = samples.slice(samples.length >> 1);
  const wasm = slope(later, (sample) => sample.wasm);
  if (wasm > 1) problems.push(`linear memory grows by ${wasm.toFixed(2)} bytes a picture`);
  problems.push(...growth(samples, BOUNDS));
  return {
    what: 'pictures of mixed sizes and formats through one pipeline',
    count,
    faults: `${bad} damaged pictures`,
    figures: `resident ${slope(later, ({ rss }) => rss).toFixed(2)}, heap ${slope(later, ({ heap }) => heap).toFixed(2)}, linear memory ${wasm.toFixed(2)} bytes a picture; ${listeners} listeners, ${Math.max(grown, 0) || 0} handles left`,
    problems,
  };
}
