// @ts-check
/** Pictures from outside: chosen in the dialog, dropped on the page, pasted. */

/**
 * Calls `take` with each file that the user gives, and `refuse` with a sentence for what is no
 * file.
 * @param {object} parts
 * @param {HTMLInputElement} parts.input
 * @param {HTMLElement} parts.stage told by its class `target` while something is dragged
 * @param {(file: File) => void} parts.take
 * @param {(sentence: string) => void} parts.refuse
 */
export function watchForPictures({ input, stage, take, refuse }) {
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    // Emptied, so that the same file can be chosen again.
    input.value = '';
    if (file) take(file);
  });

  // The drag is over when no leave is followed by an enter: elements inside send both.
  let depth = 0;
  const mark = (/** @type {number} */ change) => {
    depth = change === 0 ? 0 : Math.max(depth + change, 0);
    stage.classList.toggle('target', depth > 0);
  };
  document.addEventListener('dragenter', () => mark(1));
  document.addEventListener('dragleave', () => mark(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(0);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
    else refuse('What was dropped is not a file: save the picture first, then drop the file.');
  });

  document.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file) take(file);
    else refuse('There is no picture in the clipboard.');
  });
}
