// What a process holds, and whether that grows.
import { setTimeout as sleep } from 'node:timers/promises';

/** Collects garbage where Node was started with --expose-gc; what has been disposed of is given back in a later turn. */
export async function settle() {
  for (let turn = 0; turn < 4; ++turn) {
    globalThis.gc?.();
    await sleep(5);
  }
}

/** Returns what is held now. */
export async function held() {
  await settle();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed, external, handles: process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length };
}

/** What is held after each so many, in memory that is there from the beginning: so keeping it is not taken for growth. */
export class Samples {
  #names = ['count', 'rss', 'heap', 'external', 'handles', 'wasm'];
  #values = new Float64Array(6 * 10_000);
  length = 0;

  add(sample) {
    for (const [i, name] of this.#names.entries()) this.#values[6 * this.length + i] = sample[name];
    ++this.length;
  }

  /** Returns them as [{ count, … }]. */
  all() {
    return Array.from({ length: this.length }, (_, row) =>
      Object.fromEntries(this.#names.map((name, i) => [name, this.#values[6 * row + i]])),
    );
  }
}

/**
 * Returns problems: what grows by more than so many bytes for one more of `count`, where there were enough for that to tell. `beyond`: samples
 * of what grows without the library; its growth is taken off the resident memory's.
 */
export function growth(samples, { least, rss, heap, beyond = [] }) {
  if (!(samples.at(-1)?.count >= least)) return [];
  const later = samples.slice(samples.length >> 1);
  const resident = slope(later, (sample) => sample.rss) - (beyond.length > 0 ? slope(beyond, (sample) => sample.rss) : 0);
  const own = slope(later, (sample) => sample.heap);
  return [
    ...(resident > rss ? [`resident memory grows by ${resident.toFixed(0)} bytes each`] : []),
    ...(own > heap ? [`the heap grows by ${own.toFixed(2)} bytes each`] : []),
  ];
}

/** Returns how much `pick` of the samples [{ count, … }] grows by for one more of `count`, by least squares. */
export function slope(samples, pick) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [xs, ys] = [samples.map(({ count }) => count), samples.map(pick)];
  const [x, y] = [mean(xs), mean(ys)];
  const variance = xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
  return variance === 0 ? 0 : xs.reduce((sum, value, i) => sum + (value - x) * (ys[i] - y), 0) / variance;
}
