/** The tasks, by name. */
import type { EngineImage, ForwardCallOptions } from '../engine.js';
import { classify } from './classification.js';
import type { TaskContext } from './context.js';
import { extractFeatures, poolStates } from './features.js';
import { predictHidden } from './masked-image.js';
import { segmentImage } from './segmentation.js';
import type { EngineTask, EngineTasks } from './types.js';

type Perform<T extends EngineTask> = (
  context: TaskContext,
  image: EngineImage,
  settings: EngineTasks[T]['settings'],
  call: ForwardCallOptions,
) => Promise<EngineTasks[T]['result']>;

export const TASKS: { readonly [T in EngineTask]: Perform<T> } = {
  'image-classification': classify,
  'image-segmentation': segmentImage,
  'image-feature-extraction': extractFeatures,
  'pooled-states': poolStates,
  'masked-image-modeling': predictHidden,
};
