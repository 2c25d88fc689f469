/** Progress: how much of a load is done, and as much of it as crosses threads. */
import type { Phase, Progress } from './engine.js';

// Of a load. What is small, but takes a request each, is a hundredth; where files are downloaded as wholes, what
// remains to be read of them afterwards is a tenth.
const SMALL = 0.01,
  DOWNLOADED = 0.9;

/** How much of a load is done; see Progress.share. */
export class LoadShare {
  #share = 0;
  #expected = 1;
  readonly #downloads = new Map<string, number>();

  /** Tells how many weights files there are, which may be downloaded as wholes. */
  expect(files: number): void {
    this.#expected = Math.max(files, 1);
  }

  /** Returns the share after this much of a phase. */
  after(phase: Phase, file: string, loaded: number, total: number): number {
    this.#share = Math.max(this.#share, this.#reached(phase, file, total > 0 ? Math.min(loaded / total, 1) : 0));
    return this.#share;
  }

  #reached(phase: Phase, file: string, part: number): number {
    switch (phase) {
      case 'ready':
        return 1;
      case 'index':
        return SMALL;
      case 'weights': {
        const from = this.#downloads.size > 0 ? DOWNLOADED : SMALL;
        return from + part * (1 - SMALL - from);
      }
      case 'download': {
        this.#downloads.set(file, part);
        const done = [...this.#downloads.values()].reduce((sum, each) => sum + each, 0);
        return SMALL + Math.min(done / this.#expected, 1) * (DOWNLOADED - SMALL);
      }
      default:
        return 0;
    }
  }
}

/** Returns a listener for one of several loads in a row, which is the part of the whole that begins at `from` and ends at `to`. */
export function partOf(
  listener: ((progress: Progress) => void) | undefined,
  from: number,
  to: number,
): ((progress: Progress) => void) | undefined {
  return listener && ((progress) => listener({ ...progress, share: from + progress.share * (to - from) }));
}

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
