// @ts-check
/** What a run leaves: folders of files and what is known of it, on this device or, where nothing is kept there, in memory. */

/** @import { FolderToWrite } from '../teaching.js' */

const STATE = 'state.json';

/** @typedef {FolderToWrite | FileSystemDirectoryHandle} Target */

export class Shelf {
  /** @type {FileSystemDirectoryHandle | null} */
  #folder = null;
  /** By the names of their folders. @type {Map<string, File[]>} */
  #inMemory = new Map();
  #name;

  /** @param {string | null} name of the page's own folder that has all; null: all is in memory */
  constructor(name) {
    this.#name = name;
  }

  async #home() {
    if (this.#name === null) return null;
    this.#folder ??= await (await navigator.storage.getDirectory()).getDirectoryHandle(this.#name, { create: true });
    return this.#folder;
  }

  /**
   * Fills a folder.
   * @param {string} name
   * @param {(target: Target) => Promise<unknown>} write
   */
  async fill(name, write) {
    const home = await this.#home();
    if (home) {
      await write(await home.getDirectoryHandle(name, { create: true }));
      return;
    }
    /** @type {File[]} */
    const files = [];
    await write({
      async create(file, size) {
        const bytes = new Uint8Array(size);
        return {
          write: async (position, data) => bytes.set(data, position),
          close: async () => void files.push(new File([bytes], file)),
          abort: async () => undefined,
        };
      },
    });
    this.#inMemory.set(name, files);
  }

  /**
   * Returns the files of a folder.
   * @param {string} name
   * @returns {Promise<File[]>}
   */
  async files(name) {
    const home = await this.#home();
    if (!home) return this.#inMemory.get(name) ?? [];
    const files = [];
    for await (const handle of (await home.getDirectoryHandle(name)).values())
      if (handle.kind === 'file') files.push(await /** @type {FileSystemFileHandle} */ (handle).getFile());
    return files;
  }

  /**
   * Takes folders away.
   * @param {readonly string[]} names
   */
  async drop(names) {
    const home = await this.#home();
    for (const name of names) {
      this.#inMemory.delete(name);
      await home?.removeEntry(name, { recursive: true }).catch(() => undefined);
    }
  }

  /**
   * Keeps what is known of the run: what it names is there already.
   * @param {object} state
   */
  async write(state) {
    const home = await this.#home();
    if (!home) return;
    const stream = await (await home.getFileHandle(STATE, { create: true })).createWritable();
    await stream.write(JSON.stringify(state));
    await stream.close();
  }

  /** Returns what was known of the run, or null. */
  async read() {
    try {
      const home = await this.#home();
      return home && JSON.parse(await (await (await home.getFileHandle(STATE)).getFile()).text());
    } catch {
      return null; // there is none, or none that can be gone on with
    }
  }

  /** Forgets all. */
  async clear() {
    this.#inMemory.clear();
    if (this.#name === null) return;
    this.#folder = null;
    await (await navigator.storage.getDirectory()).removeEntry(this.#name, { recursive: true }).catch(() => undefined);
  }
}

/**
 * Writes files to where a person wants them.
 * @param {readonly File[]} files
 * @param {Target} target
 */
export async function copyTo(files, target) {
  for (const file of files) {
    if ('create' in target) {
      const to = await target.create(file.name, file.size);
      await to.write(0, new Uint8Array(await file.arrayBuffer()));
      await to.close();
    } else {
      const stream = await (await target.getFileHandle(file.name, { create: true })).createWritable();
      await stream.write(file);
      await stream.close();
    }
  }
  return files.map(({ name }) => name);
}
