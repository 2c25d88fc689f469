// @ts-check
/** Models that are worth a visit, as cards. */
import { make } from '../page/dom.js';

/** @import { Checkpoints, TaskName } from './checkpoints.js' */

/**
 * @typedef {{ task: TaskName, title: string, knows: string, size: string, licence: string, source: string | null }} Offer source:
 *   null for what comes with the page
 */

/** @type {readonly Offer[]} */
const OFFERS = [
  {
    task: 'classify',
    title: 'Drawn scenes',
    knows: 'The small model of this page: 16 kinds of drawn scenes, such as beach, farm and harbour. It knows no photographs.',
    size: '2.5 MB, here already',
    licence: 'Apache 2.0',
    source: null,
  },
  {
    task: 'classify',
    title: 'BEiT base, ImageNet',
    knows: 'What a photograph shows: 1000 kinds of animals, things and places.',
    size: '346 MB to download, 89 MB kept',
    licence: 'Apache 2.0',
    source: 'microsoft/beit-base-patch16-224',
  },
  {
    task: 'segment',
    title: 'BEiT base, ADE20K',
    knows: 'What is where in a photograph: 150 kinds, such as sky, wall, person and car, at 640 × 640 pixels.',
    size: 'about 650 MB to download, 239 MB kept',
    licence: 'Apache 2.0',
    source: 'microsoft/beit-base-finetuned-ade-640-640',
  },
  {
    task: 'mask',
    title: 'BEiT base, before it was taught',
    knows: 'Guesses hidden patches of photographs as visual tokens. To see them as pictures it needs DALL-E’s tokenizer, too.',
    size: 'about 368 MB to download, 99 MB kept',
    licence: 'Apache 2.0',
    source: 'microsoft/beit-base-patch16-224-pt22k',
  },
];

/** @type {Readonly<Record<string, string>>} */
const TABS = { classify: 'Classify', segment: 'Segment', mask: 'Mask' };

/**
 * Fills the list of cards, and marks those that are in use.
 * @param {HTMLElement} list
 * @param {Checkpoints} checkpoints
 * @param {(source: string) => void} choose called for one that is not the page's own
 */
export function showOffers(list, checkpoints, choose) {
  for (const { task, title, knows, size, licence, source } of OFFERS) {
    const model = checkpoints.models[task];
    const take = make('button', { type: 'button', className: 'button small' });
    take.addEventListener('click', () => (source === null ? void model.choose(null) : choose(source)));
    const card = make(
      'li',
      {},
      make('h3', { className: 'name', textContent: title }),
      make('p', { className: 'detail', textContent: knows }),
      make('p', { className: 'detail muted', textContent: `${size}. Licence: ${licence}. For the tab ${TABS[task]}.` }),
      make('p', { className: 'choose' }, take),
    );
    list.append(card);
    const mark = () => {
      const used = model.state.kind === 'ready' && (model.chosen?.source ?? null) === source;
      card.ariaCurrent = String(used);
      take.textContent = used ? 'In use' : 'Take it';
      take.ariaLabel = `${take.textContent}: ${title}`;
      take.disabled = used;
    };
    model.addEventListener('change', mark);
    mark();
  }
}
