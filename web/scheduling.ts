/** Letting others have a turn: event loop, AbortSignal, queue. */

/** Throws the signal's reason if it has been aborted. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;

// One channel for all: a MessageChannel turn takes microseconds where setTimeout takes 4 ms.
let channel: MessageChannel | undefined;
const waiting: Array<() => void> = [];

/** Resolves after the event loop has had one turn, so that messages and input are seen. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    if (immediate) {
      immediate(resolve);
      return;
    }
    if (!channel) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}

/** Yields only when enough time has gone by: a page that is drawn 60 times a second has 16 ms. */
export class Breather {
  private last = performance.now();

  constructor(private readonly milliseconds = 8) {}

  /** Yields if the last yield was long enough ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.last < this.milliseconds) return;
    await yieldToEventLoop();
    this.last = performance.now();
  }
}

/** Runs tasks one at a time, in the order in which they came. */
export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve();

  /**
   * Returns what `task` returns, once it has had its turn. A task whose signal is aborted before
   * its turn never starts: the promise rejects with the signal's reason at its turn.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal | null): Promise<T> {
    const turn = this.tail.then(() => {
      throwIfAborted(signal);
      return task();
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * Returns what `promise` returns, or rejects with the signal's reason as soon as it is aborted;
 * the work behind `promise` goes on, and `late` gets its value.
 */
export function abortable<T>(
  promise: Promise<T>, signal: AbortSignal | null | undefined, late: (value: T) => void,
): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    let aborted = false;
    const onAbort = () => {
      aborted = true;
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then((value) => {
      signal.removeEventListener('abort', onAbort);
      if (aborted) late(value);
      else resolve(value);
    }, (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}
