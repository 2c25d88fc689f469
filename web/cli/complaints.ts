/** What the command line says of failures: a sentence on one line of stderr. */
import { BeitError, sentenceOf } from '../base/errors.js';
import { bar } from './progress-bar.js';

/** Returns what is said of an error. */
export function sentenceFor(error: unknown): string {
  const sentence = error instanceof BeitError ? error.message : `An internal error: ${sentenceOf(error)}`;
  return sentence.replace(/\s*\n\s*/g, ' ');
}

/** Prints a sentence to stderr. */
export function complain(sentence: string): void {
  bar.clear();
  console.error(`beit: ${sentence}`);
}
