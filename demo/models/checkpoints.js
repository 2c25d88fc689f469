// @ts-check
/** The models of the page, one for each task, and which checkpoint each of them runs. */
import { BeitError, DalleTokenizer, pipeline } from '../library.js';
import { Model } from './model.js';

/** @import { Settings } from '../page/settings.js' */

/** @typedef {keyof Checkpoints['models']} TaskName */

/** Which model runs a class of the library. @type {Readonly<Record<string, TaskName>>} */
const TASK_OF_CLASS = {
  BeitForImageClassification: 'classify', FlaxBeitForImageClassification: 'classify',
  BeitForSemanticSegmentation: 'segment',
  BeitForMaskedImageModeling: 'mask', FlaxBeitForMaskedImageModeling: 'mask',
  DalleEncoder: 'tokenizer', DalleDecoder: 'tokenizer',
};

export class Checkpoints {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    const tokenizer = new Model({
      task: 'turn pictures into visual tokens', settings,
      open: async (source, options) => {
        if (source === null) throw new BeitError('invalid-argument', 'No tokenizer ships with this package.', { where: 'source' });
        return DalleTokenizer.fromPretrained(source, options);
      },
    });
    this.models = {
      classify: new Model({
        task: 'classify pictures', settings,
        open: (source, options) => pipeline('image-classification', source, options),
      }),
      segment: new Model({
        task: 'segment pictures', settings,
        open: (source, options) => pipeline('image-segmentation', source, options),
      }),
      mask: new Model({
        task: 'guess what is hidden', settings,
        open: async (source, options) => {
          if (tokenizer.chosen) await tokenizer.load();
          const { state } = tokenizer;
          return pipeline('masked-image-modeling', source, { ...options, ...(state.kind === 'ready' && { tokenizer: state.use }) });
        },
      }),
      tokenizer,
    };
    settings.addEventListener('change', () => {
      for (const model of Object.values(this.models)) {
        if (model.state.kind === 'ready' || model.state.kind === 'failed' || model.state.kind === 'loading') void model.restart();
      }
    });
    // The model draws its guesses with the tokenizer that it was made with.
    const { mask } = this.models;
    tokenizer.addEventListener('change', () => {
      if (tokenizer.state.kind === 'ready' && mask.state.kind !== 'idle' && mask.state.kind !== 'absent') void mask.restart();
    });
  }
}

/**
 * Returns the task that a checkpoint of this class can do, or null for none of the page's.
 * @param {string} className
 */
export function taskOf(className) {
  return TASK_OF_CLASS[className] ?? null;
}
