/** Calling what a user gave to be called. */

/** Listeners whose failure has been reported: once, since some are called a thousand times. */
const reported = new WeakSet<object>();

/**
 * Calls a listener. What it throws, or rejects with, is its owner's affair: it is reported as that of an event's listener is (in
 * Node as a warning of the process) and neither stops nor changes the work that was told of.
 */
export function tell<Args extends unknown[]>(listener: ((...args: Args) => unknown) | null | undefined, ...args: Args): void {
  if (!listener) return;
  const report = (error: unknown): void => {
    if (!reported.has(listener)) reportFailure(error);
    reported.add(listener);
  };
  try {
    const made = listener(...args);
    if (made instanceof Promise) made.catch(report);
  } catch (error) {
    report(error);
  }
}

interface Reporters {
  reportError?(error: unknown): void;
  process?: { emitWarning?(warning: Error | string): void };
}

function reportFailure(error: unknown): void {
  const { reportError, process } = globalThis as Reporters;
  if (reportError) reportError(error);
  else process?.emitWarning?.(error instanceof Error ? error : String(error));
}
