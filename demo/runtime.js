// @ts-check
/** What the model runs on, in a sentence and in facts. */
import { byId } from './dom.js';
import { duration } from './format.js';

/** @import { Model } from './model.js' */

/**
 * Keeps the section about `model` as it is.
 * @param {Model} model
 */
export function followRuntime(model) {
  const reason = byId('runtime-reason', HTMLElement);
  const facts = byId('runtime-facts', HTMLElement);
  const show = () => {
    const { state } = model;
    facts.hidden = state.kind !== 'ready';
    if (state.kind !== 'ready') {
      reason.textContent = state.kind === 'loading' ? 'Finding out …' : 'Nothing is running.';
      return;
    }
    const { build, threads, worker, reason: sentence } = state.classify.runtimeInfo();
    reason.textContent = sentence;
    byId('runtime-build', HTMLElement).textContent = build;
    byId('runtime-threads', HTMLElement).textContent = String(threads);
    byId('runtime-place', HTMLElement).textContent = worker ? 'a worker' : 'the page itself';
    byId('runtime-ready', HTMLElement).textContent = duration(state.milliseconds);
  };
  model.addEventListener('change', show);
  show();
}
