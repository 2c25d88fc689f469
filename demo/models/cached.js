// @ts-check
/** The list of checkpoints that the library keeps on this device. */
import { cache } from '../library.js';
import { make, part } from '../page/dom.js';
import { megabytes } from '../page/format.js';
import { factsOf } from '../page/sentences.js';

/** @import { CachedFile } from '../library.js' */

/**
 * Shows what is kept now. `choose` is called with the source of a row that is to be loaded.
 * @param {HTMLElement} root the Models panel
 * @param {(source: string) => void} choose
 */
export async function showCached(root, choose) {
  const card = part(root, 'cached-card', HTMLElement);
  const text = part(root, 'cached-text', HTMLElement);
  /** @type {CachedFile[]} */
  let files;
  try {
    files = await cache.list();
  } catch (error) {
    text.textContent = `What is kept cannot be told: ${factsOf(error).message}`;
    card.hidden = false;
    return;
  }
  /** @type {Map<string, CachedFile[]>} */
  const sources = new Map();
  for (const file of files) sources.set(file.source, [...(sources.get(file.source) ?? []), file]);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  text.textContent =
    sources.size === 1
      ? `One checkpoint, ${megabytes(total)}. It loads without a network.`
      : `${sources.size} checkpoints, ${megabytes(total)}. They load without a network.`;
  part(root, 'cached', HTMLElement).replaceChildren(
    ...[...sources].map(([source, kept]) => {
      const load = make('button', { type: 'button', className: 'button small', textContent: 'Load', ariaLabel: `Load ${source}` });
      const remove = make('button', { type: 'button', className: 'button small', textContent: 'Delete', ariaLabel: `Delete ${source}` });
      load.addEventListener('click', () => choose(source));
      remove.addEventListener('click', async () => {
        remove.disabled = true;
        await cache.delete(source).catch(() => undefined);
        await showCached(root, choose);
      });
      const form = kept.find((file) => file.form)?.form;
      const bytes = kept.reduce((sum, file) => sum + file.bytes, 0);
      const facts = make('p', {
        className: 'detail muted',
        textContent: `${megabytes(bytes)} in ${kept.length} files${form ? `, weights as ${form}` : ''}`,
      });
      return make(
        'li',
        {},
        make('div', {}, make('p', { className: 'name', textContent: source }), facts),
        make('p', { className: 'choose' }, load, remove),
      );
    }),
  );
  card.hidden = files.length === 0;
}
