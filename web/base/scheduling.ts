/** Letting others have a turn: event loop, AbortSignal, queue. */

/** Throws the signal's reason if it has been aborted. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

const listeners = new WeakMap<AbortSignal, { callbacks: Set<() => void>; listener(): void }>();

/**
 * Has `callback` called once `signal` is aborted, which it is not yet. Returns what takes that back. One listener stands for all callbacks, since Node
 * warns of a leak where a signal has more than ten, such as one that stops many calls.
 */
export function whenAborted(signal: AbortSignal | null | undefined, callback: () => void): () => void {
  if (!signal) return () => undefined;
  let all = listeners.get(signal);
  if (!all) {
    const callbacks = new Set<() => void>();
    const listener = (): void => {
      listeners.delete(signal);
      for (const each of callbacks) each(); // but for those that others have taken back
    };
    all = { callbacks, listener };
    listeners.set(signal, all);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { callbacks, listener } = all;
  const own = (): void => callback(); // the same one may be given twice
  callbacks.add(own);
  return () => {
    if (!callbacks.delete(own) || callbacks.size > 0 || listeners.get(signal)?.callbacks !== callbacks) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** Resolves after that time, or rejects with the signal's reason. */
export function sleep(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, milliseconds);
    const forget = whenAborted(signal, onAbort);
  });
}

/** A controller that is aborted with `signal`, for its reason, until stop(). */
export function following(signal: AbortSignal | null | undefined): { controller: AbortController; stop(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (!signal?.aborted) return { controller, stop: whenAborted(signal, onAbort) };
  onAbort();
  return { controller, stop: () => undefined };
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
          forget();
          return task().then(resolve, reject);
        },
      };
      const forget = whenAborted(signal, onAbort);
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
    let forget = (): void => undefined;
    if (signal.aborted) onAbort();
    else forget = whenAborted(signal, onAbort);
    promise.then(
      (value) => {
        forget();
        if (aborted) late(value);
        else resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}
