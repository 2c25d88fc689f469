/** Whether the network is there, and somebody who looks at the page: browsers stop requests of pages that nobody sees. */
import { sleep } from '../../base/scheduling.js';

// What a browser says of the network may be wrong, and some tell no worker when it changes.
const LOOK_MS = 15_000;

interface Surroundings {
  navigator?: { onLine?: boolean };
  document?: { visibilityState?: string };
}

/** In a worker, what its page has told; a page sees it itself. */
let hiddenPage = false;

/** The page's part of an engine's worker calls this: a worker does not see whether its page is seen. */
export function pageIsHidden(hidden: boolean): void {
  hiddenPage = hidden;
  if (!hidden) for (const wake of sleeping) wake();
}

/** Returns whether a request that failed has failed for want of a network, or because nobody looks. False in Node. */
export function isAway(): boolean {
  const { navigator, document } = globalThis as Surroundings;
  return navigator?.onLine === false || document?.visibilityState === 'hidden' || hiddenPage;
}

const sleeping = new Set<() => void>();

/** Resolves when the network is back or the page is seen, and else after some time, for another look. Rejects with the signal's reason. */
export async function untilBack(signal: AbortSignal | null): Promise<void> {
  const ended = new AbortController();
  const wake = (): void => ended.abort();
  const onAbort = (): void => wake();
  const events = globalThis as unknown as EventTarget;
  const page = (globalThis as { document?: EventTarget }).document;
  sleeping.add(wake);
  signal?.addEventListener('abort', onAbort, { once: true });
  events.addEventListener?.('online', wake);
  page?.addEventListener('visibilitychange', wake);
  try {
    await sleep(LOOK_MS, ended.signal).catch(() => undefined);
  } finally {
    sleeping.delete(wake);
    signal?.removeEventListener('abort', onAbort);
    events.removeEventListener?.('online', wake);
    page?.removeEventListener('visibilitychange', wake);
  }
  if (signal?.aborted) throw signal.reason;
}
