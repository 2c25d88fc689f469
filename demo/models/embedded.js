// @ts-check
/** The checkpoints that come with the page, each fetched when a tab first needs it. */

/** @import { TaskName } from './checkpoints.js' */

// Those of beit-wasm-samples, whose small files are in its index.js.
const SAMPLES = 'beit-wasm-samples/weights/';
const OWN = 'beit-wasm/weights/embedded/';

/** @type {Readonly<Record<TaskName, { folder: string, files: readonly string[] }>>} */
const EMBEDDED = {
  classify: { folder: `${SAMPLES}classifier/`, files: ['model.safetensors'] },
  segment: { folder: `${SAMPLES}segmentation/`, files: ['model.safetensors'] },
  mask: { folder: `${OWN}masked-image-modeling/`, files: ['config.json', 'preprocessor_config.json', 'model.safetensors'] },
  tokenizer: { folder: `${OWN}tokenizer/`, files: ['config.json', 'encoder.safetensors', 'decoder.safetensors'] },
};

/**
 * Returns the address of a task's checkpoint: those that are in no package.
 * @param {'mask' | 'tokenizer'} task
 */
export function embeddedUrl(task) {
  return new URL(EMBEDDED[task].folder, document.baseURI).href;
}

/**
 * Returns the files of a task's checkpoint, relative to the page.
 * @param {TaskName} task
 */
export function embeddedFiles(task) {
  const { folder, files } = EMBEDDED[task];
  return files.map((file) => `${folder}${file}`);
}
