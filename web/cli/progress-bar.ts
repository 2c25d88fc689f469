/** One line of a terminal that tells how far a load is. */
import type { Progress } from '../engine/engine.js';

/** What is used of process.stderr. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const CELLS = 24;
// A load that is over sooner needs no bar, and an eye follows no faster.
const FIRST_MS = 400;
const NEXT_MS = 100;

/** Shows nothing where the output is no terminal. */
export class ProgressBar {
  private began: number | null = null;
  private told = 0;
  private drawn = false;

  constructor(
    private readonly terminal: Terminal,
    private readonly now = () => performance.now(),
  ) {}

  /** A listener for onProgress. */
  readonly show = (progress: Progress): void => {
    if (!this.terminal.isTTY) return;
    if (progress.phase === 'ready') {
      this.clear();
      this.began = null;
      return;
    }
    const now = this.now();
    this.began ??= now;
    if (now - this.began < FIRST_MS || (this.drawn && now - this.told < NEXT_MS)) return;
    this.told = now;
    this.drawn = true;
    this.terminal.write(`\r\x1b[K${barText(progress).slice(0, Math.max((this.terminal.columns ?? 80) - 1, 0))}`);
  };

  /** To be called before anything else is written to the terminal. */
  clear(): void {
    if (this.drawn) this.terminal.write('\r\x1b[K');
    this.drawn = false;
  }
}

/** Returns "[######------]  50 %  173.2 of 346.4 MB  model.safetensors". */
export function barText({ phase, file, loaded, total }: Progress): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const name = file || phase;
  if (total <= 0) return loaded > 0 ? `${megabytes(loaded)} MB  ${name}` : name;
  const share = Math.min(loaded / total, 1);
  const full = Math.round(share * CELLS);
  return `[${'#'.repeat(full)}${'-'.repeat(CELLS - full)}] ${String(Math.floor(share * 100)).padStart(3)} %  ${megabytes(loaded)} of ${megabytes(total)} MB  ${name}`;
}

/** The bar of this process: its line is to be cleared before anything else is written to the terminal. */
export const bar = new ProgressBar(process.stderr);
