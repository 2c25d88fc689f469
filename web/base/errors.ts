/** Failures: as what is thrown (BeitError), and as data (Outcome), which crosses from the core and between threads. */

/** The codes of the C++ library: codeName() in src/base/result.cpp. */
export type CoreErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'malformed'
  | 'truncated'
  | 'html'
  | 'unsupported'
  | 'bad-config'
  | 'bad-image'
  | 'missing-tensor'
  | 'wrong-shape'
  | 'wrong-type'
  | 'out-of-memory'
  | 'internal';

/**
 * What went wrong. To the codes of the library JavaScript adds:
 * `network` a server that did not answer, refused or broke off; `unauthorized` one that wants a token, or another one; `corrupt` bytes whose SHA-256 is not
 * the known one; `quota` no room to keep a download; `io` a file that could not be read or written;
 * `aborted` work that was stopped without a reason given; `disposed` a call on an object after its dispose();
 * `engine-lost` an engine that has ended by itself (its worker was killed, closed or never started, or its core has
 * stopped), with all that it held: calls that waited for it reject with this, and so do all later ones.
 */
export type ErrorCode = CoreErrorCode | 'network' | 'unauthorized' | 'corrupt' | 'quota' | 'io' | 'aborted' | 'disposed' | 'engine-lost';

/** A BeitError as data. */
export interface CoreError {
  code: ErrorCode;
  /** A whole sentence. */
  message: string;
  where: string;
  got: string;
  expected: string;
  /** Of the HTTP answer, of an error that crosses between threads. */
  status?: number;
  /** Bytes that were asked for, of an error that memory is out. */
  needed?: number;
  /** Bytes that were left, of one that crosses between threads. */
  available?: number;
}

/** What a call of the core returns. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; error: CoreError };

/** The facts of a BeitError apart; each is empty when it does not apply. */
export interface ErrorFacts {
  /** The tensor, file or argument. */
  where?: string;
  /** What was found there. */
  got?: string;
  /** What should have been there. */
  expected?: string;
  /** Of the answer, where a server refused or sent another thing. */
  status?: number;
  cause?: unknown;
}

/**
 * Every failure that this library reports. `message` is a whole sentence.
 * @example
 * ```js
 * import { BeitError } from 'beit-wasm';
 *
 * try {
 *   await classify(file);
 * } catch (error) {
 *   if (error instanceof BeitError && error.code === 'bad-image') console.log(error.message);
 *   else throw error;
 * }
 * ```
 */
export class BeitError extends Error {
  override readonly name = 'BeitError';
  readonly code: ErrorCode;
  readonly where: string;
  readonly got: string;
  readonly expected: string;
  /** The HTTP status with which a server refused, or sent a web page; 0 where it is not about that. */
  readonly status: number;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.where = facts.where ?? '';
    this.got = facts.got ?? '';
    this.expected = facts.expected ?? '';
    this.status = facts.status ?? 0;
  }
}

/**
 * Code `out-of-memory`: linear memory has a maximum, which other models of the engine share.
 * @example
 * ```js
 * import { OutOfMemoryError } from 'beit-wasm';
 *
 * try {
 *   await classify(file);
 * } catch (error) {
 *   if (error instanceof OutOfMemoryError) console.log(error.needed, error.available);
 * }
 * ```
 */
export class OutOfMemoryError extends BeitError {
  /** Bytes that were asked for; 0 where the one who asked did not say. */
  readonly needed: number;
  /** Bytes that the maximum leaves. An engine may refuse them nevertheless, where the machine has none. */
  readonly available: number;

  constructor(message: string, { needed, available, ...facts }: ErrorFacts & { needed: number; available: number }) {
    super('out-of-memory', message, { got: `${available} bytes`, expected: `${needed} bytes`, ...facts });
    this.needed = needed;
    this.available = available;
  }
}

/** Returns a BeitError whose sentence is "WHERE: got GOT, expected EXPECTED." */
export function mismatch(code: ErrorCode, where: string, got: string, expected: string): BeitError {
  return new BeitError(code, `${where}: got ${got}, expected ${expected}.`, { where, got, expected });
}

/** Returns a BeitError whose sentence is "WHERE: WHAT." */
export function failure(code: ErrorCode, where: string, what: string, cause?: unknown): BeitError {
  return new BeitError(code, `${where}: ${what}.`, { where, got: what, cause });
}

/** Returns the BeitError of what the core reported. */
export function fromCoreError(error: CoreError): BeitError {
  const { needed = 0, available = 0 } = error;
  if (error.code === 'out-of-memory') return new OutOfMemoryError(error.message, { ...error, needed, available });
  return new BeitError(error.code, error.message, error);
}

/** Returns the value of an outcome, or throws its error as a BeitError. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw fromCoreError(outcome.error);
}

/** Returns a value as a sentence shows it, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value; // has itself, or a bigint, somewhere in it
  }
}

/** Returns what a value of a wrong kind is, in a sentence: what it says where that is short, else what it is called. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'object') return Object.prototype.toString.call(value).slice(8, -1);
  return typeof value === 'string' && value.length > 60 ? 'a text' : shown(value);
}

/** Returns the sentence of anything that was thrown. */
export function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns the same without its full stop: part of another sentence. */
export function clauseOf(thrown: unknown): string {
  return sentenceOf(thrown).replace(/\.$/, '');
}

/** Returns what was thrown as a BeitError: what is none comes from what we call, or is a bug of ours. */
export function asBeitError(thrown: unknown): BeitError {
  return thrown instanceof BeitError ? thrown : new BeitError('internal', sentenceOf(thrown), { cause: thrown });
}

/** Returns a BeitError as data, which crosses between threads unharmed. */
export function packError(thrown: unknown): CoreError {
  if (thrown instanceof BeitError) {
    const { code, message, where, got, expected, status } = thrown;
    const memory = thrown instanceof OutOfMemoryError && { needed: thrown.needed, available: thrown.available };
    return { code, message, where, got, expected, ...(status && { status }), ...memory };
  }
  return { code: 'internal', message: sentenceOf(thrown), where: '', got: '', expected: '' };
}
