/** Progress: how much of a load is done, and as much of it as crosses threads. */
import type { Phase, Progress } from './engine.js';

// Of a load. What is small, but takes a request each, is a hundredth; where files are downloaded as wholes, what
// remains to be read of them afterwards is a tenth.
const SMALL = 0.01,
  DOWNLOADED = 0.9;

/** How much of a load is done; see Progress.share. */
export class LoadShare {
  #share = 0;
  #filled = 0;
  #sizes: ReadonlyMap<string, number> = new Map();
  #wholes: ReadonlySet<string> = new Set();
  readonly #downloads = new Map<string, number>();

  /** Tells the sizes of the weights files, -1 where one is not known, and which will be downloaded as wholes. */
  expect(sizes: ReadonlyMap<string, number>, wholes: ReadonlySet<string> = new Set()): void {
    this.#sizes = sizes;
    this.#wholes = wholes;
    for (const name of wholes) if (!this.#downloads.has(name)) this.#downloads.set(name, 0);
  }

  /** Returns the share after this much of a phase. */
  after(phase: Phase, file: string, loaded: number, total: number): number {
    this.#share = Math.max(this.#share, this.#reached(phase, file, total > 0 ? Math.min(loaded / total, 1) : 0));
    return this.#share;
  }

  #reached(phase: Phase, file: string, part: number): number {
    if (phase === 'ready') return 1;
    if (phase === 'config') return 0;
    if (phase === 'weights') {
      this.#filled = part;
      this.#leaveParts();
    }
    // Once weights are read, of a file that is not fetched as a whole only gaps are downloads.
    if (phase === 'download' && part > 0 && (this.#filled === 0 || this.#downloads.has(file))) this.#downloads.set(file, part);
    let downloaded = 0;
    let wholes = 0;
    for (const [name, done] of this.#downloads) {
      downloaded += done * this.#weightOf(name);
      wholes += this.#weightOf(name);
    }
    const ofDownloads = DOWNLOADED - SMALL;
    return SMALL + downloaded * ofDownloads + this.#filled * (1 - 2 * SMALL - wholes * ofDownloads);
  }

  #leaveParts(): void {
    for (const [name, done] of this.#downloads) if (done < 1 && !this.#wholes.has(name)) this.#downloads.delete(name);
  }

  /** Returns a file's part of all weights. */
  #weightOf(file: string): number {
    const sizes = [...this.#sizes.values()];
    if (sizes.length === 0) return 1;
    const all = sizes.reduce((sum, size) => sum + size, 0);
    return all <= 0 || sizes.includes(-1) ? 1 / sizes.length : (this.#sizes.get(file) ?? 0) / all;
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
  /** Of each file and phase: when it was told, and what was held back since. */
  const rows = new Map<string, { told: number; held: Progress | null }>();
  let share = 0;
  const tellOf = (progress: Progress): void => {
    share = Math.max(progress.share, share);
    listener({ ...progress, share });
  };
  return (progress) => {
    const key = `${progress.phase} ${progress.file}`;
    const ended = progress.total > 0 && progress.loaded >= progress.total;
    const row = rows.get(key);
    if (row && !ended && now() - row.told < milliseconds) {
      row.held = progress;
      return;
    }
    if (!row) {
      for (const other of rows.values()) {
        if (other.held) tellOf(other.held);
        other.held = null;
      }
    }
    rows.set(key, { told: now(), held: null });
    tellOf(progress);
  };
}
