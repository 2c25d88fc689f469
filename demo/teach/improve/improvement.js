// @ts-check
/** The card Improve, in use: the run's curves against the head's line, the time that is left, and who answers then. */
import '../../beit-wasm-training/index.js';
import { runtimeInfo } from '../../library.js';
import { announce, make, part } from '../../page/dom.js';
import { filesOf, keepForOffline } from '../../page/offline.js';
import { factsOf } from '../../page/sentences.js';
import { curvesOf } from './curve.js';
import { Run } from './run.js';
import { Shelf } from './shelf.js';
import { WakeLock } from './wake-lock.js';

/** @import { ModelOptions } from '../../library.js' */
/** @import { Lessons } from '../lessons.js' */

const MARKUP = `
  <div class="notice busy" data-part="improve-busy" hidden>
    <p id="improve-doing" data-part="improve-doing"></p>
    <progress max="1" aria-labelledby="improve-doing" data-part="improve-bar"></progress>
  </div>
  <p class="detail class-problem" role="alert" data-part="improve-problem"></p>
  <div class="curves" data-part="improve-curves"></div>
  <p class="key detail" data-part="improve-key" hidden><span class="key-trained">trained</span> <span class="key-head">the head</span></p>
  <p class="teach-verdict" data-part="improve-verdict"></p>
  <p class="detail muted" data-part="improve-detail"></p>
  <fieldset class="pick" data-part="improve-choice" hidden>
    <legend>Answers come from</legend>
    <label><input type="radio" name="improve-who" value="improved" data-part="improve-improved"> the improved model</label>
    <label><input type="radio" name="improve-who" value="head" data-part="improve-head"> the head</label>
  </fieldset>
`;

export class ImproveCard {
  #root;
  #lessons;
  #run;
  #options;
  #lock = new WakeLock();
  #begin;
  #goOn = make('button', { type: 'button', className: 'button small', hidden: true });
  #stop = make('button', { type: 'button', className: 'button small', hidden: true });
  #said = '';

  /**
   * @param {HTMLElement} root the card
   * @param {Lessons} lessons
   * @param {() => ModelOptions} options how models are run
   * @param {string | null} folder where the run is kept; null: nowhere
   */
  constructor(root, lessons, options, folder) {
    this.#root = root;
    this.#lessons = lessons;
    this.#options = options;
    this.#run = new Run(lessons, new Shelf(folder), options);
    part(root, 'improve-body', HTMLElement).innerHTML = MARKUP;
    this.#begin = part(root, 'improve-begin', HTMLButtonElement);
    this.#begin.after(this.#goOn, this.#stop);
    this.#goOn.addEventListener('click', () => this.#run.goOn());
    this.#stop.addEventListener('click', () => this.#run.stop());
    for (const who of ['improved', 'head'])
      part(root, `improve-${who}`, HTMLInputElement).addEventListener('change', () => void this.#run.choose(who === 'improved'));
    this.#run.addEventListener('change', () => this.show());
    new ResizeObserver(() => this.#showCurves()).observe(part(root, 'improve-curves', HTMLElement));
  }

  /** Whether there is no run, neither one that goes on nor one that is over. */
  get empty() {
    return this.#run.facts === null && !this.#run.busy;
  }

  begin() {
    const { build } = runtimeInfo(this.#options());
    const files = ['beit-wasm/dist/trainer.js', 'beit-wasm-training/index.js', ...filesOf('beit-wasm-training/beit-training', build)];
    void keepForOffline([import.meta.url, ...files]).catch(() => undefined);
    this.#run.begin();
  }

  async restore() {
    return this.#run.restore();
  }

  async forget() {
    await this.#run.forget();
  }

  show() {
    const { phase, facts, improved, step } = this.#run;
    const { busy } = this.#run;
    void this.#lock.hold(busy && phase !== 'asking');
    this.#lessons.answerBy(improved && facts?.chosen ? improved : null);

    part(this.#root, 'improve-busy', HTMLElement).hidden = !busy;
    part(this.#root, 'improve-doing', HTMLElement).textContent = this.#doing();
    const bar = part(this.#root, 'improve-bar', HTMLProgressElement);
    if (phase === 'preparing' || !facts?.steps) bar.removeAttribute('value');
    else bar.value = step / facts.steps;

    part(this.#root, 'improve-problem', HTMLElement).textContent =
      phase === 'failed' ? `It could not be improved further. ${factsOf(this.#run.error).message}` : '';
    const mayGoOn = phase === 'asking' || (!busy && facts !== null && facts.checkpoint !== null && facts.status !== 'done');
    const hadFocus = [this.#begin, this.#goOn, this.#stop].find((button) => button === document.activeElement);
    this.#begin.hidden = busy;
    this.#begin.textContent = facts ? 'Improve anew' : 'Improve';
    this.#goOn.hidden = !mayGoOn;
    this.#goOn.textContent = 'Go on';
    this.#stop.hidden = !busy;
    this.#stop.disabled = phase === 'stopping';
    this.#stop.textContent = phase === 'asking' ? 'Not now' : phase === 'preparing' ? 'Stop' : 'Stop, and keep the best';
    // A button that goes takes the focus with it.
    if (hadFocus?.hidden) [this.#stop, this.#goOn, this.#begin].find(({ hidden }) => !hidden)?.focus();

    this.#showCurves();
    part(this.#root, 'improve-verdict', HTMLElement).textContent = this.#verdict();
    part(this.#root, 'improve-detail', HTMLElement).textContent = this.#detail();
    const choice = part(this.#root, 'improve-choice', HTMLElement);
    choice.hidden = improved === null;
    part(this.#root, `improve-${facts?.chosen ? 'improved' : 'head'}`, HTMLInputElement).checked = true;
    this.#tell();
  }

  #showCurves() {
    const { facts } = this.#run;
    const curves = part(this.#root, 'improve-curves', HTMLElement);
    const shown = facts !== null && facts.head !== null && facts.steps > 0;
    part(this.#root, 'improve-key', HTMLElement).hidden = !shown;
    curves.replaceChildren(...(shown ? curvesOf(facts, curves.clientWidth) : []));
  }

  #doing() {
    const { phase, doing, step, facts, millisecondsLeft: left } = this.#run;
    const steps = facts?.steps ?? 0;
    switch (phase) {
      case 'preparing':
        return doing;
      case 'asking':
        return `This takes about ${time(left ?? 0)}: ${steps} steps, of which the first have been measured. The page can be used meanwhile, and closed: it goes on when it is opened again.`;
      case 'running':
        return left === null
          ? `Step ${step} of ${steps}: measuring how long one takes …`
          : `Step ${step} of ${steps}, about ${time(left)} left`;
      case 'stopping':
        return 'Ending behind this step …';
      default:
        return '';
    }
  }

  #verdict() {
    const { facts, phase } = this.#run;
    if (!facts?.head) return '';
    const total = facts.pictures.filter(({ apart }) => apart).length;
    const right = (/** @type {{ accuracy: number }} */ { accuracy }) => Math.round(accuracy * total);
    const { best, head } = facts;
    const without = `the head on ${right(head)}`;
    if (best) return `Right on ${right(best)} of ${total} set apart, ${without}.`;
    if (phase === 'done') return `Not better than the head, which is right on ${right(head)} of ${total} set apart: that stays.`;
    return `Of ${total} set apart ${without.replace('the head on', 'the head is right on')}.`;
  }

  #detail() {
    const { facts } = this.#run;
    if (!facts?.head) return '';
    const learnt = facts.pictures.filter(({ apart }) => !apart).length;
    const { best, joined, whole } = facts;
    const sentences =
      joined === undefined
        ? [
            `It learns from ${learnt} pictures${best ? `; the best so far is that of step ${best.step}` : ''}.`,
            'That one is chosen by those set apart, too, so expect a little less of new pictures.',
          ]
        : [
            `It learned from ${learnt} pictures up to step ${joined}, where it was judged, and from all ${facts.pictures.length} since.`,
            whole ? 'What answers is the end of that.' : 'Until the end of that, what was judged answers.',
          ];
    if (!this.#run.busy && this.#isOld(facts.pictures))
      sentences.push('Classes or pictures are others since: improve anew to take them in.');
    return sentences.join(' ');
  }

  /** @param {readonly { label: string }[]} pictures */
  #isOld(pictures) {
    const counts = new Map();
    for (const { label } of pictures) counts.set(label, (counts.get(label) ?? 0) + 1);
    const now = this.#lessons.classes.filter(({ ids }) => ids.length > 0);
    return now.length !== counts.size || now.some(({ name, ids }) => ids.length !== counts.get(name));
  }

  /** Says, to those who do not see the card, how long it takes and how it ends: not each step. */
  #tell() {
    const { phase, facts, millisecondsLeft: left } = this.#run;
    const key = phase === 'running' && left !== null ? 'measured' : phase;
    if (key === this.#said) return;
    this.#said = key;
    if (key === 'measured') announce(`Improving: about ${time(left ?? 0)}.`);
    else if (key === 'asking') announce(this.#doing());
    else if (facts && (key === 'done' || key === 'stopped')) announce(`${key === 'done' ? 'Improved' : 'Stopped'}. ${this.#verdict()}`);
  }
}

/** @param {number} milliseconds */
function time(milliseconds) {
  const seconds = Math.max(Math.round(milliseconds / 1000), 1);
  if (seconds < 90) return seconds === 1 ? 'a second' : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
