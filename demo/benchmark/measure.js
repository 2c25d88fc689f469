// @ts-check
/** Timing a model with each build and number of threads that this browser can run, and on its GPU. */
import { BUILDS, createEngine, pipeline } from '../library.js';
import { embeddedUrl } from '../models/embedded.js';
import { canRun } from '../models/how.js';

/** @import { Build, ModelOptions, SourceLike, Tensor } from '../library.js' */
/** @import { Settings } from '../page/settings.js' */

/**
 * One way of running the model, in milliseconds. ready: from nothing to a loaded model.
 * device: the sentence on what computed.
 * @typedef {{ build: Build, threads: number, gpu: boolean, device: string, ready: number, runs: number[], median: number, fastest: number, slowest: number }} Timing
 * @typedef {{ build: Build, threads: number, gpu: boolean }} Way
 * @typedef {'classify' | 'segment' | 'mask'} Measured
 */

// V8 compiles a function first with its baseline compiler; a model is at its speed after some passes.
const WARM_UP = 2;

/**
 * Returns the ways in which this browser can run a model: each build with one thread, and with powers of
 * two up to all, and the GPU, if there is an adapter, whatever it is.
 * @param {Settings} settings
 * @returns {Promise<Way[]>}
 */
export async function waysHere(settings) {
  const cores = navigator.hardwareConcurrency || 1;
  const counts = [1, 2, 4, 8].filter((count) => count <= cores);
  if (!counts.includes(cores) && cores < 16) counts.push(cores);
  const ways = BUILDS.flatMap((build) =>
    counts.filter((threads) => canRun(build, threads, settings)).map((threads) => ({ build, threads, gpu: false })),
  );
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return [...ways, ...(adapter ? [{ build: /** @type {Build} */ ('simd'), threads: 1, gpu: true }] : [])];
}

/**
 * Times one way in an engine of its own, which is given back. Rejects with the signal's reason.
 * @param {object} what
 * @param {Way} what.way
 * @param {Measured} what.task
 * @param {SourceLike | null} what.source null: the page's own
 * @param {number} what.count how many passes are timed
 * @param {Settings} what.settings
 * @param {AbortSignal} what.signal
 * @param {(done: number) => void} what.onPass called after each pass, of count + WARM_UP
 * @returns {Promise<Timing>}
 */
export async function measure({ way, task, source, count, settings, signal, onPass }) {
  const { build, threads, gpu } = way;
  const start = performance.now();
  const engine = await createEngine({ ...settings.options, build, threads, device: gpu ? 'gpu' : 'cpu' });
  try {
    const model = await open(task, source, { ...settings.options, engine, signal });
    const ready = performance.now() - start;
    const { device, deviceReason } = model.runtimeInfo();
    const { height, width } = model.config.imageSize;
    const pixelValues = noise([1, model.config.numChannels, height, width]);
    /** @type {number[]} */
    const runs = [];
    for (let i = -WARM_UP; i < count; ++i) {
      const begin = performance.now();
      await model.forward({ pixelValues }, { signal });
      if (i >= 0) runs.push(performance.now() - begin);
      onPass(i + WARM_UP + 1);
    }
    await model.dispose();
    const sorted = [...runs].sort((a, b) => a - b);
    return {
      ...way,
      gpu: device === 'gpu',
      device: deviceReason,
      ready,
      runs,
      median: medianOf(sorted),
      fastest: sorted[0] ?? NaN,
      slowest: sorted.at(-1) ?? NaN,
    };
  } finally {
    await engine.dispose();
  }
}

/** How many passes measure() makes for a count. @param {number} count */
export const passesFor = (count) => count + WARM_UP;

/**
 * @param {Measured} task
 * @param {SourceLike | null} source
 * @param {ModelOptions} options
 */
async function open(task, source, options) {
  switch (task) {
    case 'classify':
      return (await pipeline('image-classification', source, options)).model;
    case 'segment':
      return (await pipeline('image-segmentation', source, options)).model;
    case 'mask':
      return (await pipeline('masked-image-modeling', source ?? embeddedUrl('mask'), source ? options : { ...options, cache: false }))
        .model;
  }
}

/**
 * Returns values as of a normalised picture; always the same.
 * @param {number[]} dims
 * @returns {Tensor}
 */
function noise(dims) {
  const data = new Float32Array(dims.reduce((product, n) => product * n, 1));
  // A linear congruential generator (Numerical Recipes): speed does not depend on the values.
  for (let i = 0, state = 1; i < data.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return { dims, data };
}

/** @param {readonly number[]} sorted */
function medianOf(sorted) {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}
