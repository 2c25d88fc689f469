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
  const note = byId('model-note', HTMLElement);
  const show = () => {
    const { state } = model;
    facts.hidden = note.hidden = state.kind !== 'ready';
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
    const labels = state.classify.model.config.id2label;
    note.textContent = 'The checkpoint that comes with this page is a small BEiT, trained on drawn scenes. '
      + `It chooses among ${labels.length} labels: ${labels.join(', ')}.`;
  };
  model.addEventListener('change', show);
  show();
}
