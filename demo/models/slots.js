// @ts-check
/** The list of models in use: what each runs, and how to take the page's own again. */
import { make } from '../page/dom.js';

/** @import { Checkpoints } from './checkpoints.js' */
/** @import { Model, Usable } from './model.js' */

/** @type {Readonly<Record<string, string>>} */
const TITLES = { classify: 'Classify', segment: 'Segment', mask: 'Mask', tokenizer: 'Tokenizer (Mask)' };

/**
 * Keeps the list as it is.
 * @param {HTMLElement} list
 * @param {Checkpoints} checkpoints
 */
export function followSlots(list, checkpoints) {
  for (const [name, model] of Object.entries(checkpoints.models)) {
    const text = make('p', { className: 'detail muted' });
    const load = make('button', { type: 'button', className: 'button small', textContent: 'Load' });
    const own = make('button', { type: 'button', className: 'button small', textContent: 'Take the page’s own' });
    const drop = make('button', { type: 'button', className: 'button small', textContent: 'Give back' });
    load.setAttribute('aria-label', `Load: ${TITLES[name]}`);
    drop.setAttribute('aria-label', `Give back: ${TITLES[name]}`);
    own.setAttribute('aria-label', `Take the page’s own: ${TITLES[name]}`);
    load.addEventListener('click', () => void model.load());
    own.addEventListener('click', () => void model.choose(null));
    drop.addEventListener('click', () => void model.release());
    list.append(
      make(
        'li',
        {},
        make('div', {}, make('p', { className: 'name', textContent: TITLES[name] ?? name }), text),
        make('p', { className: 'choose' }, load, own, drop),
      ),
    );
    const show = () => {
      text.textContent = sentenceOf(/** @type {Model<Usable>} */ (model));
      load.hidden = !['idle', 'stopped', 'failed'].includes(model.state.kind);
      own.hidden = !model.chosen;
      drop.hidden = model.state.kind !== 'ready';
    };
    model.addEventListener('change', show);
    show();
  }
}

/** @param {Model<Usable>} model */
function sentenceOf({ state, chosen }) {
  const name = chosen?.name ?? 'The one that comes with this page';
  switch (state.kind) {
    case 'ready':
      return `${name}, ready.`;
    case 'loading':
      return `${name}, loading …`;
    case 'failed':
      return `${name}: it could not be loaded.`;
    case 'stopped':
      return `${name}: loading was cancelled.`;
    case 'absent':
      return 'No checkpoint: none for this comes with this page. Load one above.';
    case 'idle':
      return chosen ? `${name}, not loaded.` : 'The one that comes with this page, loaded when the tab is first used.';
  }
}
