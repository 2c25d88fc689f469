// @ts-check
/** The pictures that ship with the page. */
import { make } from './dom.js';

/** What each shows; its file has the same name, with hyphens. */
const NAMES = ['beach', 'mountain lake', 'farm', 'harbour', 'street', 'night city'];

/** @typedef {{ file: File, name: string }} Picture a file, and what it shows or is called */

/** @type {Map<File, HTMLButtonElement>} */
const buttons = new Map();

/**
 * Marks the button of the sample that is being looked at, if it is one.
 * @param {Picture} picture
 */
export function markSample({ file }) {
  for (const [sample, button] of buttons) button.setAttribute('aria-pressed', String(sample === file));
}

/**
 * Fills `list` with a button for each sample, which hands it to `take`. Returns the first sample, or
 * null if it cannot be had. Every file is fetched once and kept, so that it can be classified when
 * the server is gone.
 * @param {HTMLUListElement} list
 * @param {(picture: Picture) => void} take
 * @returns {Promise<Picture | null>}
 */
export async function showSamples(list, take) {
  const pictures = NAMES.map((name) => showSample(list, name, take));
  const [first] = await Promise.all(pictures);
  return first ?? null;
}

/**
 * @param {HTMLUListElement} list
 * @param {string} name
 * @param {(picture: Picture) => void} take
 * @returns {Promise<Picture | null>}
 */
async function showSample(list, name, take) {
  const image = make('img', { alt: name, width: 96, height: 96 });
  const button = make('button', { type: 'button', className: 'sample', disabled: true }, image);
  const item = list.appendChild(make('li', {}, button));
  const fileName = `${name.replaceAll(' ', '-')}.jpg`;
  try {
    const response = await fetch(new URL(`samples/${fileName}`, document.baseURI));
    if (!response.ok) throw new Error(`${response.status}`);
    const file = new File([await response.blob()], fileName, { type: 'image/jpeg' });
    image.src = URL.createObjectURL(file);
    buttons.set(file, button);
    button.setAttribute('aria-pressed', 'false');
    button.disabled = false;
    button.addEventListener('click', () => take({ file, name }));
    return { file, name };
  } catch {
    // The page works without it; a button that does nothing would be worse.
    item.remove();
    return null;
  }
}
