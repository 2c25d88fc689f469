/** Which examples are left out together when a head is judged. */
import { mismatch, shown } from '../../base/errors.js';

export interface Grouped {
  label: string;
  /** Examples of one label with one name here resemble each other; null: one by itself. */
  burst: string | null;
}

/**
 * Returns each example's burst as a number. A label whose examples are all of one burst would have none left when it is left out:
 * its examples count one by one.
 */
export function burstsOf(examples: readonly Grouped[]): Int32Array {
  const names = examples.map(({ label, burst }, i) => (burst === null ? `${i}` : JSON.stringify([label, burst])));
  const byLabel = new Map<string, Set<string>>();
  for (const [i, { label }] of examples.entries()) byLabel.set(label, (byLabel.get(label) ?? new Set()).add(names[i]!));
  const numbers = new Map<string, number>();
  return Int32Array.from(examples, ({ label }, i) => {
    const name = byLabel.get(label)!.size > 1 ? names[i]! : `${i}`;
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
}

/** Throws invalid-argument for a label that is no name. */
export function checkLabel(label: string): void {
  if (typeof label !== 'string' || label.trim() === '') throw mismatch('invalid-argument', 'label', shown(label), 'a name');
  checkLetters('label', label);
}

/** Throws invalid-argument for text that no file can have: one that was cut within a letter, which may be two units of JavaScript's. */
export function checkLetters(where: string, text: string): void {
  if (/\p{Surrogate}/u.test(text)) throw mismatch('invalid-argument', where, `${shown(text)}, which has half a letter`, 'whole ones');
}
