// @ts-check
/** What the models run on, in a sentence and in facts. */
import { runtimeInfo } from '../library.js';
import { byId } from '../page/dom.js';
import { duration } from '../page/format.js';
import { factsOf } from '../page/sentences.js';

/** @import { Checkpoints } from './checkpoints.js' */

/**
 * Keeps the sentence and the facts as they are: those of the classifier, which every visit begins with,
 * or what a model would run on.
 * @param {Checkpoints} checkpoints
 */
export function followRuntime({ models: { classify: model }, settings }) {
  const reason = byId('runtime-reason', HTMLElement);
  const facts = byId('runtime-facts', HTMLElement);
  const foot = byId('foot-runtime', HTMLElement);
  const show = () => {
    const { state } = model;
    try {
      const info = state.kind === 'ready' ? state.use.runtimeInfo() : runtimeInfo(settings.options);
      const { build, threads, worker, device } = info;
      const asked = (settings.options.device ?? 'cpu') !== 'cpu';
      reason.textContent = foot.textContent = asked ? `${info.deviceReason} ${info.reason}` : info.reason;
      byId('runtime-device', HTMLElement).textContent = device === 'gpu' ? 'GPU' : 'processor';
      byId('runtime-build', HTMLElement).textContent = build;
      byId('runtime-threads', HTMLElement).textContent = String(threads);
      byId('runtime-place', HTMLElement).textContent = worker ? 'a worker' : 'the page itself';
      facts.hidden = false;
    } catch (error) {
      reason.textContent = foot.textContent = factsOf(error).message;
      facts.hidden = true;
    }
    byId('runtime-ready', HTMLElement).textContent = state.kind === 'ready' ? duration(state.milliseconds) : '–';
  };
  model.addEventListener('change', show);
  show();
}
