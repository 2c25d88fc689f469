/** The pictures of a run: their labels, and which of them are set apart. */
import { kindOf, mismatch } from '../../base/errors.js';
import { checkLetters } from '../teaching/bursts.js';
import type { LabelledImage } from './options.js';

/** Throws invalid-argument for what is no list and, with `labelled`, for an entry whose label is no text. What is no picture, decoding it tells. */
export function checkPictures(where: string, pictures: unknown, labelled: boolean): void {
  if (!Array.isArray(pictures))
    throw mismatch('invalid-argument', where, kindOf(pictures), labelled ? 'a list of {image, label}' : 'a list of pictures');
  if (!labelled) return;
  for (const [i, one] of pictures.entries()) {
    const label: unknown = one?.label;
    if (typeof label !== 'string') throw mismatch('invalid-argument', `${where}[${i}].label`, kindOf(label), 'text');
    checkLetters(`${where}[${i}].label`, label);
  }
}

/** Returns the labels, in the order of a checkpoint's where it has the same ones, else by name. Throws invalid-argument for fewer than two. */
export function labelsOf(data: readonly LabelledImage[], known: readonly string[]): { labels: string[]; same: boolean } {
  const labels = [...new Set(data.map(({ label }) => label))].sort();
  if (labels.length < 2) throw mismatch('invalid-argument', 'data', `pictures of ${labels.length} labels`, 'of at least two');
  const same = labels.length === known.length && labels.every((label) => known.includes(label));
  return { labels: same ? [...known] : labels, same };
}

/** Returns how many pictures of each label are set apart: a share of them, none of the only one. */
export function quotasOf(data: readonly LabelledImage[], share: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of data) counts.set(label, (counts.get(label) ?? 0) + 1);
  return new Map([...counts].map(([label, count]) => [label, Math.min(Math.round(count * share), count - 1)]));
}

/** Parts pictures by their numbers; those to be judged by are the first of an order, so many of each label. */
export function partedBy(order: Int32Array, data: readonly LabelledImage[], quotas: ReadonlyMap<string, number>) {
  const left = new Map(quotas);
  const apart = new Set<number>();
  for (const number of order) {
    const { label } = data[number]!;
    const quota = left.get(label) ?? 0;
    if (quota === 0) continue;
    left.set(label, quota - 1);
    apart.add(number);
  }
  const chosen = (kept: boolean): LabelledImage[] => data.filter((_, number) => apart.has(number) !== kept);
  return { training: chosen(true), validation: chosen(false) };
}
