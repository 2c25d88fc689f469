/** The reference's class names, and which of the core's classes runs each. */
import type { ConfigFields } from './engine.js';
import { mismatch } from './errors.js';

/** Flax's classes are the same maths: FlaxBeitModel is a BeitModel. */
export function isFlaxClass(className: string): boolean {
  return className.startsWith('FlaxBeit');
}

/** The halves of DALL-E's image tokenizer, which have no config.json. */
export function isTokenizerClass(className: string): boolean {
  return className === 'DalleEncoder' || className === 'DalleDecoder';
}

/**
 * Returns the core's class for a class of the reference: Flax's and Data2VecVision's are BEiT's. A
 * name of no known class is returned as it is, for the core to refuse.
 */
export function coreClassOf(className: string): string {
  return className.replace(/^FlaxBeit/, 'Beit').replace(/^Data2VecVision/, 'Beit');
}

/**
 * Returns the fields of a tokenizer's config in camelCase: vocabSize, nHid, nInit (decoder only),
 * groupCount, nBlkPerGroup. Throws malformed for what is no JSON object.
 */
export function tokenizerConfig(json: string): ConfigFields {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null) throw mismatch('malformed', 'config', 'other text', 'a JSON object');
  return Object.fromEntries(Object.entries(value).map(([name, field]) =>
    [name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), field]));
}
