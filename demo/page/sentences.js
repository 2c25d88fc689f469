// @ts-check
/** What went wrong, as a sentence with a way out. */

/**
 * @typedef {'load' | 'choose' | 'restart' | 'models' | 'again' | 'reload' | 'download' | null} WayOut what a button can do about it
 * @typedef {{ sentence: string, detail?: string, wayOut: WayOut, calm?: boolean }} Explanation detail:
 *   the library's own sentence; calm: nothing went wrong
 */

/** Words on the button of each way out. */
export const WAYS_OUT = {
  load: 'Load the model again',
  choose: 'Choose another picture',
  restart: 'Start the model again',
  models: 'Choose a checkpoint',
  again: 'Try again',
  reload: 'Load the page again',
  download: 'Download it',
};

/** @type {Readonly<Record<string, string>>} */
const LOADING_ADVICE = {
  'network': 'Is the server there, and may this page ask it? Then load the model again.',
  'not-found': 'The place seems to be incomplete, or to be another.',
  'html': 'The server answers with a web page where the model should be.',
  'truncated': 'The download broke off: load the model again.',
  'out-of-memory': 'Close other tabs or programs, then load the model again.',
  'missing-tensor': 'The checkpoint is not of this kind of model.',
  'wrong-shape': 'The checkpoint does not fit its configuration.',
  'unsupported':
    'It takes WebAssembly with SIMD and exceptions, and workers that are modules: Chrome and Edge have them from 95, Firefox from 114, Safari from 16.4, unless a mode or a setting takes them away.',
};

/** @type {Readonly<Record<string, string>>} */
const PICTURE_ADVICE = {
  'bad-image': 'The file may be damaged: choose another picture.',
  'truncated': 'The file breaks off: choose another picture.',
  'unsupported': 'PNG, JPEG, WebP, TIFF, BMP and GIF work everywhere.',
  'html': 'What was given is a web page: save the picture itself, then choose it.',
  'out-of-memory': 'Choose a smaller picture, or close other tabs.',
};

/**
 * Returns what to say about a model that could not be loaded.
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explainLoading(error) {
  const { code, message } = factsOf(error);
  const wayOut = code === 'unsupported' || code === 'invalid-argument' ? null : 'load';
  return { sentence: join('The model could not be loaded.', LOADING_ADVICE[code]), detail: message, wayOut };
}

/**
 * Returns what to say about a picture that could not be worked on.
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explainPicture(error) {
  const { code, message } = factsOf(error);
  if (code === 'internal' || code === 'disposed' || code === 'engine-lost') {
    return { sentence: 'The model has stopped.', detail: message, wayOut: 'restart' };
  }
  return { sentence: join('This picture could not be read.', PICTURE_ADVICE[code]), detail: message, wayOut: 'choose' };
}

/**
 * Returns what to say where a task has no checkpoint.
 * @param {string} what what the checkpoint would do
 * @returns {Explanation}
 */
export function explainAbsent(what) {
  return {
    sentence: `No checkpoint that can ${what} is loaded. Choose one on the Models tab, or drop its files on this page.`,
    wayOut: 'models',
    calm: true,
  };
}

/**
 * Returns what to say about a tab whose script did not come.
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explainTab(error) {
  return {
    sentence: 'This tab could not be loaded. Is the server there? Then load the page again.',
    detail: factsOf(error).message,
    wayOut: 'reload',
  };
}

/**
 * Returns the code and the sentence of anything that was thrown.
 * @param {unknown} error
 */
export function factsOf(error) {
  const code = /** @type {{ code?: unknown } | null} */ (error)?.code;
  const message = error instanceof Error ? error.message : String(error);
  return { code: typeof code === 'string' ? code : 'internal', message };
}

/** @param {Array<string | undefined>} sentences */
function join(...sentences) {
  return sentences.filter(Boolean).join(' ');
}
