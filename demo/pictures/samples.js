// @ts-check
/** The pictures that ship with the page. */
import { make } from '../page/dom.js';

/** @import { Picture, Pictures } from './pictures.js' */

/** What each shows; its file has the same name, with hyphens. */
const NAMES = ['beach', 'mountain lake', 'farm', 'harbour', 'street', 'night city'];

/**
 * Fills `list` with a button for each sample, and takes the first where there is no picture yet. Every
 * file is fetched once and kept, so that it can be looked at when the server is gone.
 * @param {HTMLUListElement} list
 * @param {Pictures} pictures
 * @param {boolean} takeFirst whether no other picture is on its way
 */
export function showSamples(list, pictures, takeFirst = true) {
  const [first, ...others] = NAMES.map((name) => placeSample(list, name, pictures));
  // The others are not to be in the way of the first answer.
  void first?.().then((picture) => {
    if (picture && takeFirst && !pictures.current) pictures.take(picture);
    return Promise.all(others.map((load) => load()));
  });
}

/**
 * Gives a sample its place, and returns what loads it.
 * @param {HTMLUListElement} list
 * @param {string} name
 * @param {Pictures} pictures
 * @returns {() => Promise<Picture | null>}
 */
function placeSample(list, name, pictures) {
  const image = make('img', { alt: name, width: 56, height: 56 });
  const button = make('button', { type: 'button', className: 'sample', disabled: true }, image);
  const item = list.appendChild(make('li', {}, button));
  const fileName = `${name.replaceAll(' ', '-')}.jpg`;
  return async () => {
    try {
      const response = await fetch(new URL(`samples/${fileName}`, document.baseURI));
      if (!response.ok) throw new Error(`${response.status}`);
      const file = new File([await response.blob()], fileName, { type: 'image/jpeg' });
      image.src = URL.createObjectURL(file);
      const mark = () => button.setAttribute('aria-pressed', String(pictures.current?.file === file));
      pictures.addEventListener('change', mark);
      mark();
      button.disabled = false;
      button.addEventListener('click', () => pictures.take({ file, name }));
      return { file, name };
    } catch {
      // The page works without it; a button that does nothing would be worse.
      item.remove();
      return null;
    }
  };
}
