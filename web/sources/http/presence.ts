/** Whether the network is there, and somebody who looks at the page: browsers stop requests of pages that nobody sees. */
import { sleep, throwIfAborted, whenAborted } from '../../base/scheduling.js';

// What a browser says of the network may be wrong, and some tell no worker when it changes.
const LOOK_MS = 15_000;

interface Surroundings {
  navigator?: { onLine?: boolean };
  document?: EventTarget & { visibilityState?: string };
}

/** In a worker, what its page has told; a page sees it itself. */
let hiddenPage = false;

/** Tells whether this page is hidden, if it is and whenever that changes, until the returned function is called. Without a page never. */
export function watchPage(told: (hidden: boolean) => void): () => void {
  const { document } = globalThis as Surroundings;
  const look = (): void => told(document?.visibilityState === 'hidden');
  document?.addEventListener('visibilitychange', look);
  if (document?.visibilityState === 'hidden') look();
  return () => document?.removeEventListener('visibilitychange', look);
}

/** A worker is told by its page: it does not see whether that is seen. */
export function pageIsHidden(hidden: boolean): void {
  hiddenPage = hidden;
  if (!hidden) for (const wake of sleeping) wake();
}

/** Returns whether the browser says that there is no network. False in Node. */
export function isOffline(): boolean {
  return (globalThis as Surroundings).navigator?.onLine === false;
}

/** Returns whether a request that failed has failed for want of a network, or because nobody looks. False in Node. */
export function isAway(): boolean {
  const { document } = globalThis as Surroundings;
  return isOffline() || document?.visibilityState === 'hidden' || hiddenPage;
}

const sleeping = new Set<() => void>();

/** Resolves when the network is back or the page is seen, and else after some time, for another look. Rejects with the signal's reason. */
export async function untilBack(signal: AbortSignal | null): Promise<void> {
  throwIfAborted(signal);
  const ended = new AbortController();
  const wake = (): void => ended.abort();
  const events = globalThis as unknown as EventTarget;
  const { document: page } = globalThis as Surroundings;
  sleeping.add(wake);
  const forget = whenAborted(signal, wake);
  events.addEventListener?.('online', wake);
  page?.addEventListener('visibilitychange', wake);
  try {
    await sleep(LOOK_MS, ended.signal).catch(() => undefined);
  } finally {
    sleeping.delete(wake);
    forget();
    events.removeEventListener?.('online', wake);
    page?.removeEventListener('visibilitychange', wake);
  }
  throwIfAborted(signal);
}
