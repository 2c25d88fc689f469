// @ts-check
/** The checkpoints that come with the page, each fetched when a tab first needs it. */

/** @import { TaskName } from './checkpoints.js' */

const FOLDER = 'beit-wasm/weights/embedded/';
const MODEL = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

/** @type {Readonly<Record<TaskName, { folder: string, files: readonly string[] }>>} */
const EMBEDDED = {
  classify: { folder: 'classifier', files: MODEL },
  segment: { folder: 'segmentation', files: MODEL },
  mask: { folder: 'masked-image-modeling', files: MODEL },
  tokenizer: { folder: 'tokenizer', files: ['config.json', 'encoder.safetensors', 'decoder.safetensors'] },
};

/**
 * Returns the address of a task's checkpoint: those that the library does not ship with itself.
 * @param {'mask' | 'tokenizer'} task
 */
export function embeddedUrl(task) {
  return new URL(`${FOLDER}${EMBEDDED[task].folder}/`, document.baseURI).href;
}

/**
 * Returns the files of a task's checkpoint, relative to the page.
 * @param {TaskName} task
 */
export function embeddedFiles(task) {
  const { folder, files } = EMBEDDED[task];
  return files.map((file) => `${FOLDER}${folder}/${file}`);
}
