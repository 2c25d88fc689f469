/** What a reference case is made of: a folder with case.json, and inputs and answers in one file. */
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import type { AnyTensor } from '../base/tensors.js';
import type { Comparison, Tolerance } from './compare.js';
import { readJson } from './files.js';

export const EXPECTED = 'expected.safetensors';

export type Results = Array<[name: string, comparison: Comparison]>;

/** Returns the answers, without the prefix of their names. */
export function outputsOf(expected: Record<string, AnyTensor>, prefix = 'out.'): Array<[name: string, tensor: AnyTensor]> {
  return Object.entries(expected)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, tensor]) => [name.slice(prefix.length), tensor]);
}

/** What case.json says. Throws malformed. */
export function factsOf(folder: string): { facts: Record<string, unknown>; className: string; tolerance: Tolerance } {
  const path = join(folder, 'case.json');
  const facts = readJson(path);
  const { atol, rtol, class: className } = facts;
  if (typeof atol !== 'number' || typeof rtol !== 'number' || typeof className !== 'string') {
    throw failure('malformed', path, 'it must have class, atol and rtol');
  }
  return { facts, className, tolerance: { atol, rtol } };
}
