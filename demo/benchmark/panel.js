// @ts-check
/** The Benchmark tab. */
import { make, announce, part } from '../page/dom.js';
import { duration } from '../page/format.js';
import { Notice } from '../page/notice.js';
import { explainLoading } from '../page/sentences.js';
import { measure, passesFor, waysHere } from './measure.js';
import { plotOf } from './plot.js';

/** @import { Checkpoints, TaskName } from '../models/checkpoints.js' */
/** @import { Measured, Timing } from './measure.js' */

/** @type {Readonly<Record<Measured, string>>} */
const TITLES = { classify: 'Classify', segment: 'Segment', mask: 'Mask' };

/** In pixels: wider bars say no more. */
const MOST_PLOT_WIDTH = 760;

export class BenchmarkPanel {
  #root;
  #checkpoints;
  #notice;
  /** What is running. @type {AbortController | null} */
  #work = null;
  /** @type {Timing[]} */
  #timings = [];
  #model = '';
  /** What is said of the GPU. */
  #gpu = '';

  /**
   * @param {HTMLElement} root
   * @param {Checkpoints} checkpoints
   */
  constructor(root, checkpoints) {
    this.#root = root;
    this.#checkpoints = checkpoints;
    this.#notice = new Notice(part(root, 'notice', HTMLElement), { stop: () => this.#work?.abort(), takeWayOut: () => void this.#run() });
    part(root, 'bench-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run();
    });
    part(root, 'copy', HTMLButtonElement).addEventListener('click', () => void this.#copy());
  }

  activate() {
    const select = part(this.#root, 'bench-model', HTMLSelectElement);
    const chosen = select.value;
    select.replaceChildren(
      ...Object.entries(TITLES).map(([name, title]) => make('option', { value: name, textContent: `${title}: ${this.#nameOf(name)}` })),
    );
    select.value = chosen in TITLES ? chosen : 'classify';
  }

  /** What a task's model runs. @param {string} task */
  #nameOf(task) {
    return this.#checkpoints.models[/** @type {TaskName} */ (task)].chosen?.name ?? 'the page’s own';
  }

  deactivate() {}

  async #run() {
    this.#work?.abort();
    const work = (this.#work = new AbortController());
    const { settings, models } = this.#checkpoints;
    const task = /** @type {Measured} */ (part(this.#root, 'bench-model', HTMLSelectElement).value);
    const source = models[task].chosen?.source ?? null;
    const count = Number(part(this.#root, 'bench-runs', HTMLSelectElement).value);
    this.#model = `${TITLES[task]}: ${this.#nameOf(task)}`;
    this.#timings = [];
    this.#gpu = '';
    part(this.#root, 'copied', HTMLElement).textContent = '';
    try {
      const ways = await waysHere(settings);
      if (work !== this.#work) return;
      for (const [i, way] of ways.entries()) {
        const tell = (/** @type {number} */ passes) => {
          if (work !== this.#work) return;
          this.#notice.busy(
            way.gpu ? 'The GPU …' : `${way.build}, ${way.threads === 1 ? 'one thread' : `${way.threads} threads`} …`,
            (i + passes / passesFor(count)) / ways.length,
          );
        };
        tell(0);
        const timing = await measure({ way, task, source, count, settings, signal: work.signal, onPass: tell });
        if (work !== this.#work) return;
        // A model that the GPU does not take has been timed on the processor.
        if (way.gpu) this.#gpu = timing.device;
        if (timing.gpu === way.gpu) this.#timings.push(timing);
        this.#show();
      }
      this.#notice.clear();
      announce('The benchmark is done.');
    } catch (error) {
      if (work !== this.#work) return;
      this.#notice.problem(
        work.signal.aborted
          ? { sentence: 'The benchmark was cancelled.', wayOut: 'again', calm: true }
          : { ...explainLoading(error), wayOut: 'again' },
      );
    }
  }

  #show() {
    part(this.#root, 'bench-results', HTMLElement).hidden = false;
    const { hardwareConcurrency, userAgent } = navigator;
    part(this.#root, 'bench-machine', HTMLElement).textContent =
      `${this.#gpu} ${hardwareConcurrency} logical processors; ${userAgent}.`.trim();
    const plot = part(this.#root, 'plot', HTMLElement);
    // Drawn for the room there is: letters stay as large as the page's.
    plot.replaceChildren(plotOf(this.#timings, Math.min(plot.clientWidth, MOST_PLOT_WIDTH)));
    part(this.#root, 'rows', HTMLTableSectionElement).replaceChildren(
      ...this.#timings.map(({ build, threads, gpu, median, fastest, slowest, ready }) =>
        make(
          'tr',
          {},
          head(gpu ? 'GPU' : build),
          ...[gpu ? '–' : String(threads), ...[median, fastest, slowest, ready].map(duration)].map((text) =>
            make('td', { textContent: text }),
          ),
        ),
      ),
    );
  }

  async #copy() {
    const { hardwareConcurrency, userAgent } = navigator;
    const text = JSON.stringify(
      {
        model: this.#model,
        date: new Date().toISOString(),
        userAgent,
        logicalProcessors: hardwareConcurrency,
        crossOriginIsolated,
        ...(this.#gpu && { gpu: this.#gpu }),
        unit: 'ms',
        timings: this.#timings,
      },
      null,
      2,
    );
    const told = part(this.#root, 'copied', HTMLElement);
    try {
      await navigator.clipboard.writeText(text);
      told.textContent = 'Copied.';
    } catch {
      told.textContent = 'The browser did not allow it: here it is, to be copied by hand.';
      told.after(make('textarea', { className: 'json', value: text, readOnly: true, ariaLabel: 'The benchmark as JSON' }));
    }
  }
}

/** @param {string} text */
function head(text) {
  const cell = make('th', { textContent: text });
  cell.scope = 'row';
  return cell;
}
