/** Tasks in one call, as transformers' pipelines. */
import { platform } from '#platform';
import { BeitError, mismatch, shown } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { throwIfAborted } from '../../base/scheduling.js';
import type { SampleName } from '../../platform/samples.js';
import type { Source, SourceLike } from '../../sources/source.js';
import { configured, folderOf, sourceOf } from '../configure.js';
import type { ModelOptions } from '../model-base.js';
import type { InspectOptions } from '../inspect.js';
import type { BeitModelOptions, SegmentationModelOptions } from '../models.js';
import { OPENING, type NamesOf } from '../options.js';
import type { PipelineOptions } from './base.js';
import { makeImageClassification, type ImageClassificationPipeline } from './classification.js';
import { makeFeatureExtraction, type ImageFeatureExtractionPipeline } from './features.js';
import { makeMaskedImageModeling, type MaskedImageModelingOptions, type MaskedImageModelingPipeline } from './masked-image.js';
import { makeImageSegmentation, type ImageSegmentationPipeline } from './segmentation.js';

/** The pipelines by task, and what each takes to be made. */
export interface Tasks {
  'image-classification': { pipeline: ImageClassificationPipeline; options: ModelOptions & PipelineOptions };
  'image-segmentation': { pipeline: ImageSegmentationPipeline; options: SegmentationModelOptions & PipelineOptions };
  'image-feature-extraction': { pipeline: ImageFeatureExtractionPipeline; options: ModelOptions & PipelineOptions };
  'masked-image-modeling': { pipeline: MaskedImageModelingPipeline; options: MaskedImageModelingOptions };
}

OPENING satisfies NamesOf<
  Tasks[keyof Tasks]['options'] & BeitModelOptions & SegmentationModelOptions & MaskedImageModelingOptions & InspectOptions
>;

export type Task = keyof Tasks;

interface Maker<T extends Task> {
  make: (source: Source, options: Tasks[T]['options']) => Promise<Tasks[T]['pipeline']>;
  /** The checkpoint of this package that can do the task. */
  sample: SampleName | null;
  /** Where there is one, if not there. */
  elsewhere?: string;
}

const MAKERS: { [T in Task]: Maker<T> } = {
  'image-classification': { make: makeImageClassification, sample: 'classifier' },
  'image-segmentation': { make: makeImageSegmentation, sample: 'segmentation' },
  'image-feature-extraction': { make: makeFeatureExtraction, sample: 'classifier' },
  'masked-image-modeling': {
    make: makeMaskedImageModeling,
    sample: null,
    elsewhere:
      "a small one in the repository's weights/embedded/masked-image-modeling, and microsoft/beit-base-patch16-224-pt22k on the hub",
  },
};

/**
 * Returns the pipeline of a task, ready to be called. Without a source it runs the small
 * checkpoint of the package beit-wasm-samples, where one can do the task. Rejects with invalid-argument for an unknown
 * task or a source that is missing, else like the class's fromPretrained().
 * @example
 * ```js
 * import { pipeline } from 'beit-wasm';
 *
 * const classify = await pipeline('image-classification', 'microsoft/beit-base-patch16-224');
 * const [{ label, score }] = await classify(file);
 * await classify.dispose();
 * ```
 */
export async function pipeline<T extends Task>(
  task: T,
  source?: SourceLike | null,
  options: Tasks[T]['options'] = {},
): Promise<Tasks[T]['pipeline']> {
  if (typeof task !== 'string' || !Object.hasOwn(MAKERS, task)) {
    throw mismatch('invalid-argument', 'task', shown(task), Object.keys(MAKERS).join(' or '));
  }
  const { make, sample, elsewhere } = MAKERS[task];
  throwIfAborted(givenOptions(options).signal);
  if (source != null) return make(await sourceOf(source, options), options);
  if (!sample) {
    throw new BeitError(
      'invalid-argument',
      `source: got none, and there is none for ${task} in beit-wasm-samples; there is ${elsewhere}.`,
      {
        where: 'source',
        got: 'none',
        expected: 'a checkpoint',
      },
    );
  }
  return make(await platform.sample(sample, folderOf('assets', configured(options).assets)), options);
}
