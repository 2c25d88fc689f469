/** A run that goes on: what its state says of it, and that the call does not say another thing. */
import { failure, mismatch, type BeitError } from '../../base/errors.js';
import type { Source, SourceOptions } from '../../sources/source.js';
import type { BeitConfig } from '../config.js';
import type { EngineOptions } from '../engines.js';
import { isBase, isOther, openBase, type BaseCheckpoint } from '../teaching/base-checkpoint.js';
import { checkSamePictures, checkSameRecipe, isBegun, sameValidation, type Begun } from './begun.js';
import { readJson, RECIPE_FILE, STATE_FILE } from './files.js';
import type { TrainerState } from './log.js';
import { fullRecipe, type FullRecipe, type Recipe, type TrainOptions } from './options.js';
import { listOf, type Plan } from './plan.js';

export interface Resumed {
  /** Those of the call, with the run's own `validation`. */
  options: TrainOptions;
  recipe: FullRecipe;
  base: BaseCheckpoint;
  /** null in a state of before this was kept. */
  begun: Begun | null;
  state: TrainerState;
}

/** Returns how a run was, to go on. Throws malformed where that cannot be told, invalid-argument for options that are not the run's. */
export async function readResumed(
  source: Source,
  options: TrainOptions,
  opening: SourceOptions & EngineOptions,
  { hiddenSize }: BeitConfig,
): Promise<Resumed> {
  const { task = 'classification', model } = options;
  const { base, begun, recipe } = recipeIn(
    await readJson(source, RECIPE_FILE, options.signal),
    hiddenSize,
    `${source.label}/${RECIPE_FILE}`,
  );
  if (task !== recipe.task) throw mismatch('invalid-argument', 'task', task, `${recipe.task}, as the run has it`);
  checkSameRecipe(options, recipe, begun?.head);
  if (model !== undefined) {
    const { base: given } = await openBase(model, opening);
    if (isOther(given, base)) throw mismatch('invalid-argument', 'model', given.id, `${base.id}, which the run began with`);
  }
  const state = await readJson<TrainerState | null>(source, STATE_FILE, options.signal);
  const { global_step: steps = -1, log_history: rows } = state ?? {};
  if (!state || !Number.isInteger(steps) || steps < 0 || !Array.isArray(rows) || !rows.every((row) => row && typeof row === 'object'))
    throw failure('malformed', `${source.label}/${STATE_FILE}`, 'it does not say how many steps were done and what came of them');
  const validation = begun ? sameValidation<unknown>(options.validation, begun) : options.validation;
  return { options: { ...options, validation } as TrainOptions, recipe, base, begun, state };
}

/** Returns what a recipe's file says. Throws malformed. */
function recipeIn(said: unknown, hiddenSize: number, where: string): Pick<Resumed, 'recipe' | 'base' | 'begun'> {
  const { base, begun = null, ...recipe } = (said ?? {}) as Recipe & { base?: unknown; begun?: unknown };
  if (!isBase(base)) throw failure('malformed', where, 'it does not say which checkpoint the run began with');
  if (begun !== null && !isBegun(begun)) throw failure('malformed', where, 'it does not say which pictures the run began with');
  try {
    return { base, begun, recipe: fullRecipe(recipe, hiddenSize) };
  } catch (error) {
    const { where: name, got, expected } = error as BeitError;
    throw mismatch('malformed', `${name} in ${where}`, got, expected);
  }
}

/** Throws invalid-argument where the labels or the pictures of a run that goes on are others. */
export function checkSameData({ recipe, begun }: Resumed, { labels, data, validation }: Plan, { id2label }: BeitConfig): void {
  if (recipe.task === 'classification' && labels.join('\n') !== id2label.join('\n'))
    throw mismatch('invalid-argument', 'data', `labels ${listOf(labels)}`, `those of the run: ${listOf(id2label)}`);
  if (!begun) return;
  const isShare = typeof validation === 'number';
  if (begun.share !== null || !isShare) checkSamePictures('data', data, begun.data);
  if (!isShare && begun.validation) checkSamePictures('validation', validation, begun.validation);
}
