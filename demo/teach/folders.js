// @ts-check
/** Files and folders as pictures of classes: a folder of folders has a class in each. */

/** @typedef {{ path: string, file: File }} Found path: from what was chosen or dropped on, with slashes */
/** @typedef {Map<string, File[]>} Sorted files by the names of classes */

const PICTURE = /\.(png|jpe?g|gif|bmp|p[bgpn]m|pfm|webp|avif|tiff?)$/i;
const TRAINING = /^train(ing)?$/i;
const JUDGING = /^(validation|valid|val|test)$/i;

const byPath = (/** @type {Found} */ a, /** @type {Found} */ b) => (a.path < b.path ? -1 : 1);

/** @param {Found} found */
const isPicture = ({ path, file }) => !/(^|\/)\./.test(path) && (PICTURE.test(path) || file.type.startsWith('image/'));

/**
 * Returns the pictures of a folder's files by class: by the folders in it (of train, where there is one), or, without any, by its own name.
 * @param {readonly Found[]} files
 * @returns {{ classes: Sorted, leftOut: number }} leftOut: pictures for judging, which a folder has set apart
 */
export function sortFolder(files) {
  const pictures = files.filter(isPicture).sort(byPath);
  const parted = pictures.some(({ path }) => TRAINING.test(path.split('/')[1] ?? ''));
  /** @type {Sorted} */
  const classes = new Map();
  let leftOut = 0;
  for (const { path, file } of pictures) {
    const folders = path.split('/').slice(0, -1);
    if (parted && !TRAINING.test(folders[1] ?? '')) {
      if (JUDGING.test(folders[1] ?? '')) ++leftOut;
      continue;
    }
    const name = folders[parted ? 2 : 1] ?? folders[0];
    if (name) listOf(classes, name).push(file);
  }
  return { classes, leftOut };
}

/**
 * Returns the files of a choice, with the paths that a folder gives them.
 * @param {FileList | null} list
 * @returns {Found[]}
 */
export function chosenFiles(list) {
  return [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/**
 * Returns the files of a drop, with those in folders, however deep.
 * @param {DataTransfer} data
 * @returns {Promise<Found[]>}
 */
export async function droppedFiles(data) {
  // Both can be asked for only now, before anything is waited for.
  const entries = [...data.items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  /** @type {Found[]} */
  const found = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) await walk(/** @type {FileSystemDirectoryEntry} */ (entry), entry.name, found);
    else if (file) found.push({ path: file.name, file });
  }
  return found;
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @param {string} path
 * @param {Found[]} found
 */
async function walk(folder, path, found) {
  const reader = folder.createReader();
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const entries = await new Promise((/** @type {(list: FileSystemEntry[]) => void} */ resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return;
    for (const entry of entries) {
      const at = `${path}/${entry.name}`;
      if (entry.isDirectory) await walk(/** @type {FileSystemDirectoryEntry} */ (entry), at, found);
      else
        found.push({
          path: at,
          file: await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)),
        });
    }
  }
}

/**
 * Returns a drop's or a choice's pictures by class, of each folder by itself.
 * @param {readonly Found[]} found
 * @returns {{ classes: Sorted, loose: File[], leftOut: number }} loose: files in no folder
 */
export function sortFound(found) {
  /** @type {Map<string, Found[]>} */
  const folders = new Map();
  /** @type {File[]} */
  const loose = [];
  for (const one of found) {
    const [top, ...rest] = one.path.split('/');
    if (rest.length === 0) loose.push(one.file);
    else if (top) listOf(folders, top).push(one);
  }
  /** @type {Sorted} */
  const classes = new Map();
  let leftOut = 0;
  for (const files of folders.values()) {
    const sorted = sortFolder(files);
    leftOut += sorted.leftOut;
    for (const [name, pictures] of sorted.classes) listOf(classes, name).push(...pictures);
  }
  return { classes, loose, leftOut };
}

/**
 * Returns the list of a name, which is a new one at first.
 * @template T
 * @param {Map<string, T[]>} lists
 * @param {string} name
 * @returns {T[]}
 */
function listOf(lists, name) {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
