/** Progress that crosses threads. */
import type { Progress } from './engine.js';

/**
 * Returns a listener that tells `listener` as much as a person can follow: of each file and phase the first and the
 * last progress and in between one in 16 ms, since each is a message to another thread.
 */
export function thinned(
  listener: (progress: Progress) => void,
  milliseconds = 16,
  now = () => performance.now(),
): (progress: Progress) => void {
  let last: Progress | null = null;
  let held: Progress | null = null;
  let told = 0;
  return (progress) => {
    const ended = progress.total > 0 && progress.loaded >= progress.total;
    const same = last !== null && last.phase === progress.phase && last.file === progress.file;
    last = progress;
    if (same && !ended && now() - told < milliseconds) {
      held = progress;
      return;
    }
    if (!same && held) listener(held);
    held = null;
    listener(progress);
    told = now();
  };
}
