/**
 * How many of an engine's threads work where the caller leaves it to us: the number that the host tells
 * is a guess (quotas, other tabs, slow cores, WebKit), so trials decide, between the first model's first passes. They
 * are held again now and then, and soon when passes take another time than they did.
 */

/** Does a fixed product with so many threads for ten milliseconds, and returns how many milliseconds each took. */
export type TimeThreads = (threads: number) => number;

/** What a product took with so many threads. */
export interface Figure {
  threads: number;
  milliseconds: number;
}

// More threads must be so much faster: what they take, others do not get, and a trial may be off by as much.
const GAIN = 1.15;
// A machine too slow or too busy for a trial of four numbers in twice its time is not asked further.
const BUDGET_MS = 80;
// Whatever has another core for a moment makes fewer threads seem enough; while a model is loaded that is the
// engine's own compiler. Too few cost up to half the speed, too many next to nothing: so more work after one
// trial, and fewer after so many in a row, of which the one that found the most holds.
const TRIALS = 3;

// From one trial to the next; twice as long where it changed nothing.
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
// So many passes in a row, all different by so much from as many before, are no noise: what trials found is out of date.
const PASSES = 3;
const DIFFERENCE = 1.4;
const FRESH_MS = 2000;

/** Returns the numbers of threads that a trial compares: 1, 2, 4, … and `most`. */
export function candidates(most: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < most; count *= 2) counts.push(count);
  return [...counts, most];
}

/** Times each candidate. Returns null where time is up before all have had their turn. */
export function measure(most: number, time: TimeThreads, now: () => number): Figure[] | null {
  const end = now() + BUDGET_MS;
  const figures: Figure[] = [];
  for (const threads of candidates(most)) {
    if (now() > end) return null;
    figures.push({ threads, milliseconds: time(threads) });
  }
  return figures;
}

/** Returns the fewest threads that more would not beat. */
export function enough(figures: readonly Figure[]): number {
  let best = figures[0]!;
  for (const figure of figures) if (figure.milliseconds * GAIN < best.milliseconds) best = figure;
  return best.threads;
}

/** Returns a sentence. */
export function describe(figures: readonly Figure[]): string {
  const count = enough(figures);
  const times = figures.map(({ threads, milliseconds }) => `${milliseconds.toFixed(2)} ms with ${threads === 1 ? 'one' : threads}`);
  return (
    `A trial found ${count === 1 ? 'one thread' : `${count} threads`} to be enough: ` +
    `a product took ${times.slice(0, -1).join(', ')} and ${times.at(-1)}.`
  );
}

export class ThreadChoice {
  /** The number that is to work. */
  threads: number;
  /** The trial that it was chosen by; null before there were enough. */
  figures: Figure[] | null = null;
  private trials: Figure[][] = [];
  /** By model: the size of its inputs, what passes on such took after the last trial, and what the last ones took. */
  private readonly passes = new Map<number, { size: number; usual: number | null; last: number[] }>();
  private last = -Infinity;
  private pause = SHORTEST_PAUSE_MS;

  constructor(
    private readonly most: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.threads = most;
  }

  /** Told that a model's pass on inputs of `size` numbers took so long. Returns whether a trial is due. */
  passed(model: number, size: number, milliseconds: number): boolean {
    const since = this.now() - this.last;
    if (!this.differs(model, size, milliseconds) || since < FRESH_MS) return since >= this.pause;
    this.trials = [];
    this.pause = SHORTEST_PAUSE_MS;
    return true;
  }

  private differs(model: number, size: number, milliseconds: number): boolean {
    let known = this.passes.get(model);
    if (known?.size !== size) this.passes.set(model, (known = { size, usual: null, last: [] }));
    known.last.push(milliseconds);
    if (known.last.length < PASSES) return false;
    known.usual ??= median(known.last);
    known.last = known.last.slice(-PASSES);
    return Math.min(...known.last) > known.usual * DIFFERENCE || Math.max(...known.last) < known.usual / DIFFERENCE;
  }

  /** Holds a trial. What `time` throws changes nothing, but the next trial has to wait. */
  decide(time: TimeThreads): void {
    const before = this.threads;
    this.passes.clear();
    try {
      const figures = measure(this.most, time, this.now);
      if (!figures) return;
      this.trials = [...this.trials, figures].slice(-TRIALS);
      const holds = this.trials.reduce((most, trial) => (enough(most) > enough(trial) ? most : trial));
      if (this.trials.length < TRIALS && enough(holds) < this.threads) return;
      this.figures = holds;
      this.threads = enough(holds);
    } finally {
      this.pause = this.threads === before ? Math.min(this.pause * 2, LONGEST_PAUSE_MS) : SHORTEST_PAUSE_MS;
      this.last = this.now();
    }
  }

  /** Told that a model is gone. */
  forget(model: number): void {
    this.passes.delete(model);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
