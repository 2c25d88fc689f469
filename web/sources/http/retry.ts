/** Trying again: bounded, with exponential backoff and jitter, and stopped by an AbortSignal. */
import type { BeitError } from '../../base/errors.js';
import { sleep, throwIfAborted } from '../../base/scheduling.js';
import { isAway, isOffline, untilBack } from './presence.js';

/** How often and how soon a request is tried again. Plain data. */
export interface RetryOptions {
  /** Attempts after the first that may fail in a row without a byte gained. 0: none. Default: 5 */
  attempts?: number | undefined;
  /** Milliseconds before the first of them; each later one waits twice as long. Default: 300 */
  delay?: number | undefined;
  /** Milliseconds without an answer, or without a byte of it, after which a request has failed. Default: 30000 */
  timeout?: number | undefined;
}

const ATTEMPTS = 5;
const DELAY_MS = 300;
const MOST_DELAY_MS = 20_000;
// A server that asks for more patience than this is reported at once: nobody watches a bar that long.
const MOST_ASKED_MS = 60_000;
export const TIMEOUT_MS = 30_000;
// The longest that a timer can wait: a longer time it would take for none at all.
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

/** Returns how long a request may stay silent, in milliseconds. */
export function timeoutOf({ timeout = TIMEOUT_MS }: RetryOptions): number {
  return Math.min(timeout, MOST_TIMEOUT_MS);
}

/** A failure that another attempt may mend. `error` is what the caller sees if none does. */
export class Transient {
  /** `asked`: milliseconds that the server asks to wait, or null. `late`: nothing has come in all the time that it had. */
  constructor(
    readonly error: BeitError,
    readonly asked: number | null = null,
    readonly late = false,
  ) {}
}

/** Returns the milliseconds that a Retry-After header asks for (seconds, or a date), or null. */
export function retryAfter(header: string | null, now = Date.now()): number | null {
  if (!header) return null;
  const wait = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(wait, 0) : null;
}

/** The attempts of one file. */
export class Retries {
  readonly timeout: number;
  private failures = 0;
  private readonly attempts: number;
  private readonly delay: number;

  /** `onAway`: told what failed when it is waited until the network is back, or the page is seen again. */
  constructor(
    options: RetryOptions,
    private readonly signal: AbortSignal | null,
    private readonly onAway: (error: BeitError) => void = () => undefined,
  ) {
    const { attempts = ATTEMPTS, delay = DELAY_MS } = options;
    this.attempts = attempts;
    this.delay = delay;
    this.timeout = timeoutOf(options);
  }

  /** Waits for the time of the next attempt, or throws what is to be reported. */
  async after(thrown: unknown): Promise<void> {
    throwIfAborted(this.signal);
    if (!(thrown instanceof Transient)) throw thrown;
    if ((thrown.asked ?? 0) > MOST_ASKED_MS) throw thrown.error;
    if (this.failures >= this.attempts || (isOffline() && thrown.error.status === 0)) {
      // A load outlasts a tunnel, or a phone in a pocket, also one that has only just been asked for.
      if (this.attempts === 0 || !isAway()) throw thrown.error;
      this.onAway(thrown.error);
      await untilBack(this.signal);
      if (!isAway()) this.failures = 0;
      return;
    }
    // Half of it by chance, so that clients which a server has lost together do not come back together.
    const backoff = Math.min(this.delay * 2 ** this.failures, MOST_DELAY_MS) * (0.5 + Math.random() / 2);
    ++this.failures;
    await sleep(thrown.asked ?? backoff, this.signal);
  }

  /** To be called for every byte gained: what failed before does not count any more. */
  gained(): void {
    this.failures = 0;
  }
}
