/** Letting others have a turn: event loop, AbortSignal, queue. */

/** Throws the signal's reason if it has been aborted. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** Resolves after that time, or rejects with the signal's reason. */
export function sleep(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A controller that is aborted with `signal`, for its reason, until stop(). */
export function following(signal: AbortSignal | null | undefined): { controller: AbortController; stop(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return { controller, stop: () => signal?.removeEventListener('abort', onAbort) };
}

/**
 * Returns what does work under a signal of its own that is aborted with `signal`: for what is done side by side, since Node warns of a leak
 * where one signal has more than ten listeners.
 */
export function branching(signal: AbortSignal): <T>(work: (branch: AbortSignal) => Promise<T>) => Promise<T> {
  const branches = new Set<AbortController>();
  const onAbort = (): void => {
    for (const branch of branches) branch.abort(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return async (work) => {
    const branch = new AbortController();
    if (signal.aborted) branch.abort(signal.reason);
    branches.add(branch);
    try {
      return await work(branch.signal);
    } finally {
      branches.delete(branch);
    }
  };
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

interface Turn {
  priority: number;
  take(): Promise<void>;
}

/** Runs tasks one at a time: those of higher priority first, equals in the order in which they came. */
export class TurnQueue {
  private readonly waiting: Turn[] = [];
  private busy = false;

  /**
   * Returns what `task` returns, once it has had its turn. A task whose signal is aborted before its
   * turn leaves the queue at once: the promise rejects with the signal's reason.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal | null, priority = 0): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(signal);
      const onAbort = (): void => {
        this.waiting.splice(this.waiting.indexOf(turn), 1);
        reject(signal?.reason);
      };
      const turn: Turn = {
        priority,
        take: () => {
          signal?.removeEventListener('abort', onAbort);
          return task().then(resolve, reject);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const place = this.waiting.findIndex((other) => other.priority < priority);
      this.waiting.splice(place < 0 ? this.waiting.length : place, 0, turn);
      void this.work();
    });
  }

  private async work(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (let turn = this.waiting.shift(); turn; turn = this.waiting.shift()) await turn.take();
    this.busy = false;
  }
}

/** Does `work` for all items, at most `limit` at a time. Rejects with the first failure, when all that has begun has ended. */
export async function severalAtOnce<T>(items: Iterable<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of rest) {
      if (failures.length > 0) return;
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  if (failures.length > 0) throw failures[0];
}

/**
 * Returns what `promise` returns, or rejects with the signal's reason as soon as it is aborted;
 * the work behind `promise` goes on, and `late` gets its value.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | null | undefined, late: (value: T) => void): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    let aborted = false;
    const onAbort = () => {
      aborted = true;
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        if (aborted) late(value);
        else resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}
