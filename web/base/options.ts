/** Options as users hand them over. */
import { mismatch } from './errors.js';

/** Returns options as they are. Throws invalid-argument for what is no object: null is none, and what is undefined has its default by then. */
export function givenOptions<Options>(options: Options, where = 'options'): Options {
  const got = options === null ? 'null' : Array.isArray(options) ? 'a list' : typeof options;
  if (got !== 'object') throw mismatch('invalid-argument', where, got, 'an object, or nothing');
  return options;
}
