/** Names of options: one that there is not is refused, since it would change nothing and nobody would hear of it. */
import { BeitError } from './errors.js';
import { givenOptions } from './options.js';

/** What others call an option, or what they do with one that there is not. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  progress_callback: 'onProgress',
  local_files_only: 'offline',
  cache_dir: 'cache',
  quantized: "dtype: 'int8'",
  torch_dtype: 'dtype',
  session_options: 'threads and build',
  model_file_name: 'the address of the file as the source',
  subfolder: "the folder's address as the source",
  device_map: 'device',
  endpoint: 'host',
  abort_signal: 'signal',
  pooling: 'output',
  do_normalize: 'normalize',
  size: 'resultSize',
  target_size: 'resultSize',
  top_k: 'topK',
  function_to_apply: 'functionToApply',
  logLevel: 'none: the library prints nothing; onWarning tells what others print',
  return_tensors: 'none: tensors are typed arrays with dims',
};

/** Throws invalid-argument for what is no object, and for a name that is none of `known`, with the one that it is meant for. */
export function checkNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(givenOptions(options))) {
    if (known.includes(name)) continue;
    const expected = nearest(name, known) ?? `one of ${known.join(', ')}`;
    throw new BeitError('invalid-argument', `${where}: there is no option ${name}; expected ${expected}.`, { where, got: name, expected });
  }
}

const plain = (name: string): string => name.replace(/[_-]/g, '').toLowerCase();

/** Returns the known name that one is meant for, as far as that can be told. */
function nearest(name: string, known: readonly string[]): string | undefined {
  if (Object.hasOwn(ELSEWHERE, name)) return ELSEWHERE[name];
  const distances = known.map((each) => ({ each, distance: distance(plain(name), plain(each)) }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(1, Math.floor(name.length / 4)) ? best.each : undefined;
}

/** Returns how many letters are to be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; ++i) {
    const next = [i];
    for (let j = 1; j <= b.length; ++j) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    row = next;
  }
  return row[b.length]!;
}
