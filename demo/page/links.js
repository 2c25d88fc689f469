// @ts-check
/** Addresses that name a model and a picture: ?model=microsoft/beit-base-patch16-224&image=https://… */
/** @import { Checkpoints } from '../models/checkpoints.js' */
/** @import { Pictures } from '../pictures/pictures.js' */

/**
 * Fetches the picture of a link, and gives it to all tabs.
 * @param {string} address
 * @param {Pictures} pictures
 */
export async function takeLinkedPicture(address, pictures) {
  /** @type {URL} */
  let url;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    return pictures.refuse(`The link names a picture by what is no address: ${address}`);
  }
  const name = nameOf(url);
  try {
    const response = await fetch(url);
    if (!response.ok) return pictures.refuse(`The server does not have the picture of the link (status ${response.status}): ${url.href}`);
    const blob = await response.blob();
    pictures.take({ file: new File([blob], name, { type: blob.type }), name });
  } catch {
    pictures.refuse(
      `The picture of the link could not be fetched: its server is not there, or does not let other pages read it (CORS). Save it, then drop it here: ${url.href}`,
    );
  }
}

/**
 * Returns what a picture is called by its address.
 * @param {URL} url
 */
function nameOf({ pathname, host }) {
  const last = pathname.split('/').pop() || host;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a % that stands for itself
  }
}

/**
 * Keeps the model that was chosen last, by its name, in the page's address, so that it can be linked to.
 * @param {Checkpoints} checkpoints
 */
export function keepModelInAddress(checkpoints) {
  for (const model of Object.values(checkpoints.models)) {
    let before = model.chosen;
    model.addEventListener('change', () => {
      if (model.state.kind !== 'ready' || model.chosen === before) return;
      const left = before?.source;
      before = model.chosen;
      const address = new URL(location.href);
      if (typeof before?.source === 'string' && !before.link) address.searchParams.set('model', before.source);
      else if (address.searchParams.get('model') === left) address.searchParams.delete('model');
      history.replaceState(history.state, '', address);
    });
  }
}
