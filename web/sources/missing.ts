/** Optional files that a server refuses: they count as missing, and whoever fails later for want of them says so. */
import { BeitError, type ErrorCode } from '../base/errors.js';

// "Ask again" is no refusal: the file may be there.
const PASSING = new Set([408, 425, 429]);

/**
 * Returns whether an optional file counts as missing after this error. Servers answer 401, 403, 409 or 500 for
 * what they do not have (a bucket that may not be listed, a repository that is not there), or their start page.
 * A page among files that are at hand is one that was saved by mistake, which its owner wants to know.
 */
export function countsAsMissing(error: unknown): error is BeitError {
  if (!(error instanceof BeitError)) return false;
  const { code, status, expected } = error;
  // A hub's refusal of a whole repository is no word on a file.
  if (code === 'unauthorized' && expected !== '') return false;
  return code === 'not-found' || (code === 'html' && status > 0) || (status >= 400 && status <= 500 && !PASSING.has(status));
}

// What may follow from a file that is not there.
const CONSEQUENCES: ReadonlySet<ErrorCode> = new Set([
  'not-found',
  'network',
  'unauthorized',
  'html',
  'malformed',
  'truncated',
  'unsupported',
  'bad-config',
  'missing-tensor',
  'wrong-shape',
  'invalid-argument',
]);

/** The files of one load that were refused rather than absent. */
export class Refusals {
  private readonly found: { name: string; error: BeitError }[] = [];

  /** Notes why a file counts as missing. Returns whether that is more than that it is not there. */
  add(name: string, error: BeitError): boolean {
    if (error.code === 'not-found') return false;
    this.found.push({ name, error });
    return true;
  }

  /** Of the first of these files that was refused; null: the others are absent. */
  codeAmong(names: readonly string[]): ErrorCode | null {
    return this.found.find(({ name }) => names.includes(name))?.error.code ?? null;
  }

  /** Returns the error with what was refused before it in its sentence. */
  explain(thrown: unknown): unknown {
    if (this.found.length === 0 || !(thrown instanceof BeitError) || !CONSEQUENCES.has(thrown.code)) return thrown;
    const { code, where, got, expected, status } = thrown;
    const answers = this.found.map(
      ({ name, error }) => `${name} (${error.code === 'html' ? 'a web page in its place' : `status ${error.status}`})`,
    );
    const token = this.found.some(({ error }) => error.status === 401 || error.status === 403)
      ? '; a token or other headers may be needed'
      : '';
    return new BeitError(code, `${thrown.message} What the server refused counts as missing: ${answers.join(', ')}${token}.`, {
      where,
      got,
      expected,
      status,
      cause: thrown.cause ?? this.found[0]!.error,
    });
  }
}
