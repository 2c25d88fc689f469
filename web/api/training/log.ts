/** What is told of a run, step by step, and the form that transformers' Trainer gives to it. */
import type { TrainingTask } from './options.js';

/** One step of the optimiser. */
export interface TrainingStep {
  step: number;
  steps: number;
  /** How many epochs are done, such as 1.25. */
  epoch: number;
  loss: number;
  /** The share of the step's pictures, or of their hidden patches, that was told right; null where pictures are mixed. */
  accuracy: number | null;
  rate: number;
  gradientNorm: number;
  picturesPerSecond: number;
  secondsLeft: number;
  /** At the end of an epoch, where pictures are set apart. */
  validation: Validation | null;
}

export interface Validation {
  loss: number;
  accuracy: number;
  pictures: number;
  /** Whether no epoch before was as good. */
  best: boolean;
}

/** trainer_state.json */
export interface TrainerState {
  best_metric: number | null;
  best_model_checkpoint: string | null;
  epoch: number;
  eval_steps: number;
  global_step: number;
  is_hyper_param_search: boolean;
  is_local_process_zero: boolean;
  is_world_process_zero: boolean;
  log_history: Record<string, number>[];
  logging_steps: number;
  max_steps: number;
  num_input_tokens_seen: number;
  num_train_epochs: number;
  save_steps: number;
  stateful_callbacks: Record<string, never>;
  total_flos: number;
  train_batch_size: number;
  trial_name: null;
  trial_params: null;
}

/** What is known of a step before it is judged. */
export type LearnedStep = Pick<TrainingStep, 'step' | 'epoch' | 'loss' | 'accuracy' | 'rate' | 'gradientNorm'>;

/** Returns the rows that the Trainer would log for a step. */
export function rowsOf(told: TrainingStep): Record<string, number>[] {
  return [learnedRow(told), ...(told.validation ? [judgedRow(told, told.validation)] : [])];
}

export function learnedRow({ step, epoch, loss, accuracy, rate, gradientNorm }: LearnedStep): Record<string, number> {
  return { ...(accuracy !== null && { accuracy }), epoch, grad_norm: gradientNorm, learning_rate: rate, loss, step };
}

export function judgedRow({ step, epoch }: LearnedStep, { accuracy, loss }: Judged): Record<string, number> {
  return { epoch, eval_accuracy: accuracy, eval_loss: loss, step };
}

export type Judged = Pick<Validation, 'loss' | 'accuracy'>;

/** Returns what epochs were judged to be. */
export function judgedIn(history: readonly Record<string, number>[]): Judged[] {
  return history.flatMap(({ eval_accuracy: accuracy, eval_loss: loss }) =>
    accuracy === undefined || loss === undefined ? [] : [{ accuracy, loss }],
  );
}

/** Whether a model is better than another: a classifier by what it tells right, then by its loss, which alone tells it of masked images. */
export function isBetter(task: TrainingTask, one: Judged, other: Judged): boolean {
  if (task === 'classification' && one.accuracy !== other.accuracy) return one.accuracy > other.accuracy;
  return one.loss < other.loss;
}

export function trainerState(
  history: Record<string, number>[],
  {
    task,
    epochs,
    batch,
    steps,
    stepsPerEpoch,
  }: { task: TrainingTask; epochs: number; batch: number; steps: number; stepsPerEpoch: number },
): TrainerState {
  const last = history.at(-1);
  const best = judgedIn(history).reduce<Judged | null>((most, each) => (most && !isBetter(task, each, most) ? most : each), null);
  return {
    best_metric: best && (task === 'mim' ? best.loss : best.accuracy),
    best_model_checkpoint: null,
    epoch: last?.['epoch'] ?? 0,
    eval_steps: stepsPerEpoch,
    global_step: last?.['step'] ?? 0,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: history,
    logging_steps: 1,
    max_steps: steps,
    num_input_tokens_seen: 0,
    num_train_epochs: epochs,
    save_steps: stepsPerEpoch,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: batch,
    trial_name: null,
    trial_params: null,
  };
}
