/**
 * How many of an engine's threads work where the caller leaves it to us: the number that the host tells
 * is a guess (quotas, other tabs, slow cores, WebKit), so trials decide, between the first model's first passes. They
 * are held again now and then, and soon when passes take another time than they did.
 */

/** What a trial measured with so many threads, in milliseconds, in the order of its rounds. */
export interface Figure {
  threads: number;
  times: number[];
}

/** Runs a fixed product with so many threads, and returns how many milliseconds it took. */
export type TimeThreads = (threads: number) => number;

// Twice as many threads must be so much faster: what they take, others do not get. Of the times of one number the
// shortest counts, since others can only take time away. On two cores that others kept busy, 40 trials by
// medians, gain 1.05, found two threads 10 times and one 18 times; by the shortest time, gain 1.15, 26 and 9.
const GAIN = 1.15;
// A product takes half a millisecond, but five where the engine has not optimised it yet; it has after a few.
const WARM_UPS = 4;
const ROUNDS = 9;
const FEWEST_ROUNDS = 3;
const BUDGET_MS = 40;

// Too few threads cost more than too many, which sleep, and whatever has the other cores for a moment makes them seem
// enough: while a model is loaded the engine's own compiler does, in three processes of four. So fewer work only
// after so many trials in a row, of which the one that found the most holds.
const TRIALS = 3;
// So many passes in a row, all different by so much from as many before, are no noise.
const PASSES = 3;
const DIFFERENCE = 1.4;
// From one trial to the next; twice as long where it changed nothing.
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

/** Returns the numbers of threads that a trial compares: 1, 2, 4, … and `most`. */
export function candidates(most: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < most; count *= 2) counts.push(count);
  return [...counts, most];
}

/**
 * Times all candidates in turns, so that a disturbance meets them alike. Returns null where time is up
 * before there are a few of each: on a machine so slow or so busy a trial tells nothing.
 */
export function measure(most: number, time: TimeThreads, now: () => number): Figure[] | null {
  for (let i = 0; i < WARM_UPS; ++i) time(1);
  const end = now() + BUDGET_MS;
  const figures = candidates(most).map((threads): Figure => ({ threads, times: [] }));
  for (let round = 0; round < ROUNDS; ++round) {
    for (const { threads, times } of figures) {
      if (now() > end) return round >= FEWEST_ROUNDS ? figures : null;
      times.push(time(threads));
    }
  }
  return figures;
}

/** Returns the fewest threads that more would not beat. */
export function enough(figures: readonly Figure[]): number {
  let best = figures[0]!;
  for (const figure of figures) if (shortest(figure) * GAIN < shortest(best)) best = figure;
  return best.threads;
}

/** Returns a sentence. */
export function describe(figures: readonly Figure[]): string {
  const count = enough(figures);
  const times = figures.map((figure) => `${shortest(figure).toFixed(2)} ms with ${figure.threads === 1 ? 'one' : figure.threads}`);
  return `A trial found ${count === 1 ? 'one thread' : `${count} threads`} to be enough: `
    + `a product took ${times.slice(0, -1).join(', ')} and ${times.at(-1)}.`;
}

export class ThreadChoice {
  private trials: Figure[][] = [];
  /** By model: the size of its inputs, what passes on such took after the last trial, and what the last ones took. */
  private readonly passes = new Map<number, { size: number; usual: number | null; last: number[] }>();
  private last = -Infinity;
  private pause = SHORTEST_PAUSE_MS;

  constructor(private readonly most: number, private readonly now: () => number = () => performance.now()) {}

  /** The trial that holds; null before there is one. */
  get figures(): Figure[] | null {
    const most = this.trials.reduce<Figure[] | null>((found, trial) => found && enough(found) > enough(trial) ? found : trial, null);
    return most && (this.trials.length === TRIALS || enough(most) === this.most) ? most : null;
  }

  /** The number that is to work. */
  get threads(): number {
    return this.figures ? enough(this.figures) : this.most;
  }

  /** Told that a model's pass on inputs of `size` numbers took so long. Returns whether a trial is due. */
  passed(model: number, size: number, milliseconds: number): boolean {
    return this.now() - this.last >= (this.differs(model, size, milliseconds) ? SHORTEST_PAUSE_MS : this.pause);
  }

  private differs(model: number, size: number, milliseconds: number): boolean {
    let known = this.passes.get(model);
    if (known?.size !== size) this.passes.set(model, known = { size, usual: null, last: [] });
    known.last.push(milliseconds);
    if (known.last.length < PASSES) return false;
    known.usual ??= [...known.last].sort((a, b) => a - b)[PASSES >> 1]!;
    known.last = known.last.slice(-PASSES);
    return Math.min(...known.last) > known.usual * DIFFERENCE || Math.max(...known.last) < known.usual / DIFFERENCE;
  }

  /** Holds a trial. What `time` throws changes nothing, but the next trial has to wait. */
  decide(time: TimeThreads): void {
    const before = this.threads;
    this.passes.clear();
    try {
      const figures = measure(this.most, time, this.now);
      if (figures) this.trials = [...this.trials, figures].slice(-TRIALS);
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

function shortest({ times }: Figure): number {
  return Math.min(...times);
}
