// @ts-check
/** Files from outside: chosen in the dialog, dropped on the page, pasted. */

/**
 * Calls `take` with what the user gives, and `refuse` with a sentence for what is no file.
 * @param {object} parts
 * @param {HTMLInputElement} parts.input
 * @param {(files: File[]) => void} parts.take at least one
 * @param {(sentence: string) => void} parts.refuse
 */
export function watchForFiles({ input, take, refuse }) {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // Emptied, so that the same file can be chosen again.
    input.value = '';
    if (files.length > 0) take(files);
  });

  // The drag is over when no leave is followed by an enter: elements inside send both.
  let depth = 0;
  const mark = (/** @type {number} */ change) => {
    depth = change === 0 ? 0 : Math.max(depth + change, 0);
    document.documentElement.classList.toggle('dropping', depth > 0);
  };
  document.addEventListener('dragenter', () => mark(1));
  document.addEventListener('dragleave', () => mark(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', async (event) => {
    mark(0);
    if (event.defaultPrevented) return; // a tab has taken it
    event.preventDefault();
    const files = event.dataTransfer ? await filesOf(event.dataTransfer) : [];
    if (files.length > 0) take(files);
    else refuse('What was dropped is not a file: save the picture first, then drop the file.');
  });

  document.addEventListener('paste', (event) => {
    // Text goes where the cursor is.
    if (event.target instanceof HTMLInputElement) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) take(files);
    else refuse('There is no picture in the clipboard.');
  });
}

/**
 * Returns the files that were dropped; of folders, the files that are directly in them.
 * @param {DataTransfer} data
 * @returns {Promise<File[]>}
 */
async function filesOf(data) {
  // Entries can be asked for only now, before anything is waited for.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...data.files];
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (folders.length === 0) return files;
  const listed = await Promise.all(folders.map((folder) => listFolder(/** @type {FileSystemDirectoryEntry} */ (folder))));
  const names = new Set(folders.map((folder) => folder?.name));
  return [...files.filter(({ name }) => !names.has(name)), ...listed.flat()];
}

/** @param {FileSystemDirectoryEntry} folder */
async function listFolder(folder) {
  const reader = folder.createReader();
  /** @type {File[]} */
  const files = [];
  for (;;) {
    // A reader gives a hundred entries at a time, and none at the end.
    const entries = await new Promise((/** @type {(list: FileSystemEntry[]) => void} */ resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (entry.isFile)
        files.push(await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)));
    }
  }
}
