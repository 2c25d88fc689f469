// @ts-check
/** The models of the page, one for each task, and which checkpoint each of them runs. */
import { DalleTokenizer, pipeline } from '../library.js';
import { embeddedUrl } from './embedded.js';
import { Model } from './model.js';

/** @import { MaskedImageModelingOptions, ModelOptions, SourceLike } from '../library.js' */
/** @import { Settings } from '../page/settings.js' */

/** @typedef {'classify' | 'segment' | 'mask' | 'tokenizer'} TaskName */

/** Which model runs a class of the library. @type {Readonly<Record<string, TaskName>>} */
const TASK_OF_CLASS = {
  BeitForImageClassification: 'classify',
  FlaxBeitForImageClassification: 'classify',
  BeitForSemanticSegmentation: 'segment',
  BeitForMaskedImageModeling: 'mask',
  FlaxBeitForMaskedImageModeling: 'mask',
  DalleEncoder: 'tokenizer',
  DalleDecoder: 'tokenizer',
};

export class Checkpoints {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    const tokenizer = new Model({
      task: 'turn pictures into visual tokens',
      settings,
      optional: true,
      open: (source, options) =>
        source === null
          ? DalleTokenizer.fromPretrained(embeddedUrl('tokenizer'), { ...options, cache: false })
          : DalleTokenizer.fromPretrained(source, options),
    });
    /** Whether the model of the tab Mask is waiting for its tokenizer. */
    let awaited = false;
    const mask = new Model({
      task: 'guess what is hidden',
      settings,
      optional: true,
      open: async (source, options) => {
        // The page's own tokenizer is of no use to any other model than the page's own.
        if (source === null || tokenizer.chosen) {
          awaited = true;
          try {
            await tokenizer.loadFor(options);
          } finally {
            awaited = false;
          }
        }
        options.signal?.throwIfAborted();
        const { state } = tokenizer;
        return openMasked(source, options, state.kind === 'ready' && (source === null || tokenizer.chosen) ? state.use : null);
      },
    });
    this.models = {
      classify: new Model({
        task: 'classify pictures',
        settings,
        open: async (source, options, link) =>
          link ? (await import('../teach/teaching.js')).Teacher.fromLink(link, options) : pipeline('image-classification', source, options),
      }),
      segment: new Model({
        task: 'segment pictures',
        settings,
        optional: true,
        open: (source, options) => pipeline('image-segmentation', source, options),
      }),
      mask,
      tokenizer,
    };
    settings.addEventListener('change', () => {
      for (const model of Object.values(this.models)) if (isInUse(model)) void model.restart();
    });
    // The model draws its guesses with the tokenizer that it was made with.
    tokenizer.addEventListener('change', () => {
      if (!awaited && tokenizer.state.kind === 'ready' && isInUse(mask)) void mask.restart();
    });
  }
}

/**
 * Whether somebody has asked for a model, and not stopped it.
 * @param {Model<import('./model.js').Usable>} model
 */
function isInUse({ state: { kind } }) {
  return kind === 'ready' || kind === 'failed' || kind === 'loading';
}

/**
 * Opens a model for the tab Mask; without the tokenizer where that has other tokens than the model's.
 * @param {SourceLike | null} source
 * @param {ModelOptions} options
 * @param {DalleTokenizer | null} tokenizer
 */
async function openMasked(source, options, tokenizer) {
  const open = (/** @type {MaskedImageModelingOptions} */ more) =>
    source === null
      ? pipeline('masked-image-modeling', embeddedUrl('mask'), { ...options, ...more, cache: false })
      : pipeline('masked-image-modeling', source, { ...options, ...more });
  if (!tokenizer) return open({});
  try {
    return await open({ tokenizer });
  } catch (error) {
    const { code, where } = /** @type {{ code?: unknown, where?: unknown }} */ (error);
    if (code !== 'wrong-shape' || where !== 'tokenizer') throw error;
    return open({});
  }
}

/**
 * Returns the task that a checkpoint of this class can do, or null for none of the page's.
 * @param {string} className
 */
export function taskOf(className) {
  return TASK_OF_CLASS[className] ?? null;
}
