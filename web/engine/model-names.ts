/** What the reference's class names tell about files. */
import { mismatch } from '../base/errors.js';
import { FLAX_FILE, WEIGHTS_FILES } from '../sources/source.js';
import type { ConfigFields, ModelSpec } from './engine.js';

/** Flax's classes have weights files of their own; the core runs them as what they are. */
export function isFlaxClass(className: string): boolean {
  return className.startsWith('FlaxBeit');
}

/** Returns the names of weights that a load as that class tries in turn, where its source names none. */
export function weightsNamesOf({ weights }: Pick<ModelSpec, 'weights'>, className: string): readonly string[] {
  return weights ?? (isFlaxClass(className) ? [FLAX_FILE, ...WEIGHTS_FILES] : WEIGHTS_FILES);
}

/** The halves of DALL-E's image tokenizer, which have no config.json. */
export function isTokenizerClass(className: string): boolean {
  return className === 'DalleEncoder' || className === 'DalleDecoder';
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
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), field]),
  );
}
