/** What a run began with beside its recipe, so that it goes on with the same: above all what is set apart stays apart. */
import { kindOf, mismatch } from '../../base/errors.js';
import { Sha256 } from '../../core/sha256.js';
import type { ImageInput } from '../images.js';
import { RECIPE_NAMES, type FullRecipe, type LabelledImage, type Recipe } from './options.js';

/** By which pictures are known again: how many there are, SHA-256 of their labels and of their names, in their order. */
export interface PicturesMark {
  count: number;
  labels: string;
  /** null where one of them has none, such as bytes. */
  names: string | null;
}

export interface Begun {
  /** What the head began with; of masked images it is not told. */
  head?: 'keep' | 'new' | undefined;
  /** The share of the data that is set apart; null where the pictures to judge by are others. */
  share: number | null;
  data: PicturesMark;
  /** Of pictures to judge by that are others. */
  validation: PicturesMark | null;
}

/** Returns what a state says of what a run began with. */
export function begunWith(head: Begun['head'], data: readonly LabelledImage[], validation: readonly LabelledImage[] | number): Begun {
  const isShare = typeof validation === 'number';
  return {
    ...(head && { head }),
    share: isShare ? validation : null,
    data: markOf(data),
    validation: isShare ? null : markOf(validation),
  };
}

/** Returns by what pictures are known again. What their names begin with alike is left out: they may have been moved. */
export function markOf(pictures: readonly LabelledImage[]): PicturesMark {
  const names = pictures.map(({ image }) => nameOf(image));
  const known = names.every((name) => name !== null) ? names : null;
  const common = known?.reduce(commonBeginning, known[0] ?? '').length ?? 0;
  return {
    count: pictures.length,
    labels: sumOf(pictures.map(({ label }) => label)),
    names: known && sumOf(known.map((name) => name.slice(common))),
  };
}

function nameOf(image: ImageInput): string | null {
  if (typeof image === 'string' || image instanceof URL) {
    const address = String(image);
    // What follows the name may be a signature that is another one each time.
    return /^https?:/i.test(address) ? address.replace(/[?#].*$/s, '') : address.replaceAll('\\', '/');
  }
  const { name } = (image ?? {}) as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : null;
}

function commonBeginning(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) ++length;
  return one.slice(0, length);
}

function sumOf(texts: readonly string[]): string {
  const sum = new Sha256();
  const encoder = new TextEncoder();
  for (const text of texts) sum.update(encoder.encode(`${JSON.stringify(text)}\n`));
  return sum.digest();
}

/** Whether what a file says is one. */
export function isBegun(said: unknown): said is Begun {
  const isMark = (mark: Partial<PicturesMark> | null | undefined): boolean =>
    typeof mark?.count === 'number' && typeof mark.labels === 'string' && (mark.names === null || typeof mark.names === 'string');
  const { share, data, validation } = (said ?? {}) as Partial<Begun>;
  return isMark(data) && (typeof share === 'number' || (share === null && isMark(validation)));
}

/**
 * Returns the `validation` of a run that goes on. Throws invalid-argument for another than it has, but for 0 in place of pictures of their own: such a
 * run is judged no more, and says by itself from what it learns.
 */
export function sameValidation<Given>(given: Given | number | undefined, { share }: Begun): Given | number {
  const got = given === undefined ? 'none' : typeof given === 'number' ? kindOf(given) : 'pictures';
  if (share !== null) {
    if (given === undefined || given === share) return share;
    throw mismatch('invalid-argument', 'validation', got, `${share}, the share that the run has set apart`);
  }
  if (given === undefined || (typeof given === 'number' && given !== 0))
    throw mismatch('invalid-argument', 'validation', got, 'the pictures that the run is judged by');
  return given;
}

/** Throws invalid-argument where pictures are not those that a run began with. */
export function checkSamePictures(where: string, pictures: readonly LabelledImage[], begun: PicturesMark): void {
  const { count, labels, names } = markOf(pictures);
  if (count === begun.count && labels === begun.labels && (names === null || begun.names === null || names === begun.names)) return;
  const got = count === begun.count ? 'other pictures, or these in another order' : `${count} pictures`;
  throw mismatch('invalid-argument', where, got, `the ${begun.count} that the run began with`);
}

/** Throws invalid-argument for what is told beside the recipe that a run goes on by, and is another. */
export function checkSameRecipe(told: Partial<Recipe>, recipe: FullRecipe, head: Begun['head']): void {
  const own = { ...recipe, head };
  for (const name of [...RECIPE_NAMES, 'head'] as (keyof typeof own)[]) {
    const expected = own[name];
    const given = told[name];
    const got = name === 'microBatch' && typeof given === 'number' ? Math.min(given, recipe.batch) : given;
    // What is not known of the run cannot be another.
    if (got == null || got === expected || expected === undefined) continue;
    throw mismatch('invalid-argument', name, kindOf(given), `${expected === null ? 'none' : kindOf(expected)}, as the run has it`);
  }
}
