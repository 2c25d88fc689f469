/** Options as users hand them over. */
import { failure, kindOf, mismatch, sentenceOf } from './errors.js';

/** What an option has to be: a test, and words for the sentence. */
type Kind = readonly [is: (value: unknown) => boolean, expected: string];

const has = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && (value as Readonly<Record<string, unknown>>)[name] !== undefined;

/** Not a Headers, a Map or a list, of which nothing is found under a name. */
const isRecord = (value: unknown, is: (value: unknown) => boolean): boolean =>
  kindOf(value) === 'Object' && Object.values(value as object).every(is);

const isAtLeast0 = (value: unknown): boolean => value === undefined || (typeof value === 'number' && value >= 0);

const FUNCTION: Kind = [(value) => typeof value === 'function', 'a function'];
const SWITCH: Kind = [(value) => typeof value === 'boolean', 'true or false'];
const CONFIG = 'the text of a config.json, or the same as an object';
const TEXT: Kind = [(value) => typeof value === 'string', 'text'];

/**
 * The options that many calls share; null is none of any. What is wrong with one would else be told late, by an error of the engine that runs us,
 * or never.
 */
const KINDS: Readonly<Record<string, Kind>> = {
  // One of another realm is no instance of this one's class.
  signal: [(value) => has(value, 'aborted') && has(value, 'addEventListener'), 'an AbortSignal'],
  onProgress: FUNCTION,
  onWarning: FUNCTION,
  onStep: FUNCTION,
  fetch: FUNCTION,
  workerFactory: FUNCTION,
  engine: [(value) => has(value, 'usable'), 'an engine, which createEngine() makes'],
  host: [isAddress, 'the address of a hub, such as https://huggingface.co'],
  token: TEXT,
  className: TEXT,
  worker: SWITCH,
  offline: SWITCH,
  restart: SWITCH,
  auxiliaryHead: SWITCH,
  outputHiddenStates: SWITCH,
  outputAttentions: SWITCH,
  outputPooledStates: SWITCH,
  config: [(value) => typeof value === 'string' || typeof value === 'object', CONFIG],
  revision: TEXT,
  headers: [(value) => isRecord(value, (text) => typeof text === 'string'), 'an object that has texts by the names of headers'],
  retry: [(value) => isRecord(value, isAtLeast0), 'an object of attempts, delay and timeout, each a number of at least 0'],
  sha256: [
    (value) => isRecord(value, (sum) => typeof sum === 'string' && /^[\da-f]{64}$/i.test(sum)),
    'an object that has sums of 64 hexadecimal digits by the names of files',
  ],
};

/** Returns the text of a config that is given as that, or as an object. Throws invalid-argument for what JSON has no text of. */
export function textOfConfig(where: string, config: unknown): string {
  if (typeof config === 'string') return config;
  let text: string | undefined;
  try {
    text = JSON.stringify(config);
  } catch (error) {
    // It contains itself, or a bigint.
    throw failure('invalid-argument', where, `it cannot be written as JSON (${sentenceOf(error).split('\n')[0]})`, error);
  }
  if (text === undefined) throw mismatch('invalid-argument', where, kindOf(config), CONFIG);
  return text;
}

/** Returns the same of the option `config`, which may be left out. */
export function givenConfig(config: unknown): string | undefined {
  return config === undefined ? undefined : textOfConfig('config', config);
}

/**
 * Returns options as they are. Throws invalid-argument for what is no object, where null is none and what is undefined has its default by then,
 * and for one of KINDS that is of another kind.
 */
export function givenOptions<Options>(options: Options, where = 'options'): Options {
  const got = options === null ? 'null' : Array.isArray(options) ? 'a list' : typeof options;
  if (got !== 'object') throw mismatch('invalid-argument', where, got, 'an object, or nothing');
  for (const [name, value] of Object.entries(options as object)) {
    const kind = value != null && Object.hasOwn(KINDS, name) && KINDS[name];
    if (kind && !kind[0](value)) throw mismatch('invalid-argument', name, kindOf(value), kind[1]);
  }
  return options;
}

function isAddress(value: unknown): boolean {
  try {
    return (
      typeof value === 'string' && /^https?:$/.test(new URL(value, globalThis.document?.baseURI ?? globalThis.location?.href).protocol)
    );
  } catch {
    return false;
  }
}
