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

/** Returns how much `pick` of the samples [{ count, … }] grows by for one more of `count`, by least squares. */
export function slope(samples, pick) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [xs, ys] = [samples.map(({ count }) => count), samples.map(pick)];
  const [x, y] = [mean(xs), mean(ys)];
  const variance = xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
  return variance === 0 ? 0 : xs.reduce((sum, value, i) => sum + (value - x) * (ys[i] - y), 0) / variance;
}
