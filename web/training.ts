/** Training: apart from the library, which the demo page has without it at first. */
export { train, type SaveRunOptions, type TrainingFacts, type TrainingRun } from './api/training/train.js';
export type { TrainingStep, Validation } from './api/training/log.js';
export type {
  LabelledImage,
  Method,
  Recipe,
  RunOptions,
  TrainClassifierOptions,
  TrainingTask,
  TrainMaskedOptions,
  TrainOptions,
} from './api/training/options.js';
