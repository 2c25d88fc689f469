// @ts-check
/** What is taught, kept in the page's own folder on this device: it is there when the page is opened again. */

/** @import { Place } from './thumbnails.js' */

/** @typedef {{ version: 1, packs: number[] }} AnyState what is kept beside a project, whoever's it is */

/**
 * @typedef {object} State what a project's own file does not say
 * @property {1} version
 * @property {string[]} classes all names in their order, also of those without a picture
 * @property {Place[]} places of the small copies, in the order of the project's pictures
 * @property {number[]} packs
 * @property {{ source: string | null, name: string }} base the checkpoint that is taught on
 * @property {number | 'auto'} layer
 */

const FOLDER = 'beit-wasm-teach';
const STATE = 'project';
const PATIENCE_MS = 2000;

const packName = (/** @type {number} */ number) => `thumbnails-${number}`;

/** Why nothing is kept, as sentences. */
export const REASONS = {
  busy: 'Another tab of this page has what is kept, so nothing of this one is kept: save what you want to have later.',
  unread:
    'What was kept on this device cannot be read now, so nothing is written over it: load the page again, or save what you want to have later.',
  none: 'This browser keeps nothing for this page (a private window, perhaps): save what you want to have later.',
};

/** @template {AnyState} [S=State] */
export class Keep {
  #folder;

  /** @param {FileSystemDirectoryHandle} folder */
  constructor(folder) {
    this.#folder = folder;
  }

  /**
   * Returns the place, which is this page's alone until it is closed, or why there is none.
   * @template {AnyState} [S=State]
   * @param {string} name of its folder
   * @returns {Promise<Keep<S> | keyof typeof REASONS>}
   */
  static async open(name = FOLDER) {
    try {
      const home = await navigator.storage.getDirectory();
      const folder = await home.getDirectoryHandle(name, { create: true });
      if (!('createWritable' in FileSystemFileHandle.prototype)) return 'none';
      // A page that is loaded again may be asked before its former self has gone.
      const mine = await new Promise((/** @type {(mine: boolean) => void} */ resolve) => {
        navigator.locks
          .request(name, { signal: AbortSignal.timeout(PATIENCE_MS) }, () => {
            resolve(true);
            return new Promise(() => undefined);
          })
          .catch(() => resolve(false));
      });
      return mine ? new Keep(folder) : 'busy';
    } catch {
      return 'none';
    }
  }

  /**
   * Returns what was kept; null where there is nothing, or nothing that can be gone on with; 'unread' where there is something that cannot be
   * read, perhaps only now: then nothing is to be written over it. A pack that cannot be read is null.
   * @returns {Promise<{ state: S, project: Uint8Array, packs: Map<number, Blob | null> } | null | 'unread'>}
   */
  async read() {
    /** @type {Uint8Array<ArrayBuffer>} */
    let bytes;
    try {
      bytes = new Uint8Array(await (await this.#file(STATE)).arrayBuffer());
    } catch (error) {
      return /** @type {DOMException} */ (error).name === 'NotFoundError' ? null : 'unread';
    }
    try {
      const length = new DataView(bytes.buffer).getUint32(0, true);
      const state = /** @type {S} */ (JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))));
      if (state.version !== 1) return null;
      /** @type {Map<number, Blob | null>} */
      const packs = new Map();
      for (const number of state.packs) packs.set(number, await this.#file(packName(number)).catch(() => null));
      return { state, project: bytes.slice(4 + length), packs };
    } catch {
      return null;
    }
  }

  /** @param {string} name */
  async #file(name) {
    return (await this.#folder.getFileHandle(name)).getFile();
  }

  /**
   * Keeps all there is: in one file, so that it is of one moment.
   * @param {S} state
   * @param {Uint8Array} project
   */
  async write(state, project) {
    const text = new TextEncoder().encode(JSON.stringify(state));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, text.length, true);
    await this.#put(STATE, new Blob([length, text, /** @type {Uint8Array<ArrayBuffer>} */ (project)]));
  }

  /**
   * Keeps a pack of small copies, and returns the file that it is then.
   * @param {number} number
   * @param {Blob} pack
   */
  async writePack(number, pack) {
    return this.#put(packName(number), pack);
  }

  /**
   * Takes packs away that nothing is wanted of any more.
   * @param {readonly number[]} wanted
   */
  async sweep(wanted) {
    const names = new Set([STATE, ...wanted.map(packName)]);
    for await (const name of this.#folder.keys()) if (!names.has(name)) await this.#folder.removeEntry(name);
  }

  /** Forgets all. */
  async clear() {
    for await (const name of this.#folder.keys()) await this.#folder.removeEntry(name);
  }

  /**
   * @param {string} name
   * @param {Blob} blob
   */
  async #put(name, blob) {
    const handle = await this.#folder.getFileHandle(name, { create: true });
    const stream = await handle.createWritable();
    await stream.write(blob);
    await stream.close();
    return handle.getFile();
  }
}
