/** How far a batch is: a bar on a terminal, lines of JSON elsewhere. */
const CELLS = 24;
const BAR_MS = 200;
const LINE_MS = 10_000;
// Of the last pictures: a rate from the beginning would not see that a machine has become slower.
const RECENT_MS = 30_000;

export class Progress {
  done = 0;
  errors = 0;
  #recent = [];
  #told = 0;
  #drawn = false;

  constructor(total, { terminal, print, now = () => performance.now() }) {
    this.total = total;
    this.terminal = terminal;
    this.print = print;
    this.now = now;
    this.began = now();
  }

  picture({ status }) {
    if (status === 'error') ++this.errors;
    this.advance(1);
  }

  /** So many more are done. */
  advance(count) {
    this.done += count;
    const now = this.now();
    this.#recent.push({ now, count });
    if (this.terminal.isTTY) {
      if (now - this.#told < BAR_MS) return;
      this.#told = now;
      this.#drawn = true;
      this.terminal.write(`\r\x1b[K${this.bar().slice(0, Math.max((this.terminal.columns ?? 80) - 1, 0))}`);
    } else if (now - this.#told >= LINE_MS) {
      this.#told = now;
      this.event('progress');
    }
  }

  /** Prints an event as a line of JSON; on a terminal only what is asked for by `say`. */
  event(event, facts = {}) {
    if (this.terminal.isTTY) return;
    const { done, total, errors } = this;
    this.print(JSON.stringify({ event, done, total, errors, perSecond: Number(this.rate().toFixed(2)), ...facts }));
  }

  say(sentence) {
    if (!this.terminal.isTTY) return;
    this.clear();
    this.print(sentence);
  }

  clear() {
    if (this.#drawn) this.terminal.write('\r\x1b[K');
    this.#drawn = false;
  }

  /** Returns pictures a second. */
  rate() {
    const now = this.now();
    const from = this.#recent.findIndex((step) => step.now > now - RECENT_MS);
    this.#recent.splice(0, from < 0 ? this.#recent.length : from);
    const span = Math.min(RECENT_MS, now - this.began);
    return span > 0 ? (1000 * this.#recent.reduce((sum, { count }) => sum + count, 0)) / span : 0;
  }

  /** Returns "[######------]  50 %  1000 of 2000  12.3/s  3 errors  1:20 left". */
  bar() {
    const { done, total, errors } = this;
    const share = total > 0 ? done / total : 1;
    const full = Math.round(share * CELLS);
    const rate = this.rate();
    const left = rate > 0 ? `  ${clock((total - done) / rate)} left` : '';
    const percent = String(Math.floor(share * 100)).padStart(3);
    return `[${'#'.repeat(full)}${'-'.repeat(CELLS - full)}] ${percent} %  ${done} of ${total}  ${rate.toFixed(1)}/s  ${errors} errors${left}`;
  }
}

function clock(seconds) {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
