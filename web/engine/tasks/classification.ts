/** image-classification: from an image to its logits, and from these to labels with scores. */
import { kindOf, mismatch, shown } from '../../base/errors.js';
import { checkNumbers } from '../../base/vectors.js';
import type { EngineImage, ForwardCallOptions } from '../engine.js';
import { outputOf, PLAIN, type TaskContext } from './context.js';
import type { Classification, EngineTasks, LabelChoice, ScoreFunction } from './types.js';

/**
 * Returns the softmax, computed from differences to the largest, so that nothing overflows.
 * @example
 * ```js
 * import { softmax } from 'beit-wasm';
 *
 * const { logits } = await model.forward({ pixelValues });
 * const scores = softmax(logits.data);
 * ```
 */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(checkNumbers('logits', logits));
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let i = 0; i < values.length; ++i) sum += values[i] = Math.exp(values[i]! - largest);
  return values.map((value) => value / sum);
}

/**
 * Returns 1 / (1 + exp(-x)) of each; exp only ever sees what is not positive.
 * @example
 * ```js
 * import { sigmoid } from 'beit-wasm';
 *
 * const { logits } = await model.forward({ pixelValues });
 * const scores = sigmoid(logits.data);
 * ```
 */
export function sigmoid(logits: ArrayLike<number>): Float64Array {
  return Float64Array.from(checkNumbers('logits', logits), (x) => {
    const small = Math.exp(-Math.abs(x));
    return x >= 0 ? 1 / (1 + small) : small / (1 + small);
  });
}

/**
 * Returns the function of the reference's pipeline (transformers 5): none for a regression, sigmoid for several
 * labels at once and for a single output, softmax otherwise. Transformers 4 has sigmoid for a regression of one output, too.
 */
export function scoreFunctionOf(problemType: string | null | undefined, numLabels: number): ScoreFunction {
  if (problemType === 'regression') return 'none';
  return problemType === 'multi_label_classification' || numLabels === 1 ? 'sigmoid' : 'softmax';
}

const SCORES: Readonly<Record<ScoreFunction, (logits: ArrayLike<number>) => Float64Array>> = {
  softmax,
  sigmoid,
  none: (logits) => Float64Array.from(checkNumbers('logits', logits)),
};

/**
 * Returns the `topK` best labels (all for null), best first; equal scores in the order of ids.
 * @example
 * ```js
 * import { rank } from 'beit-wasm';
 *
 * const { logits } = await model.forward({ pixelValues });
 * const labels = rank(logits.data, model.config.id2label, 5, 'softmax');
 * ```
 */
export function rank(logits: ArrayLike<number>, labels: readonly string[], topK: number | null, score: ScoreFunction): Classification[] {
  checkTopK(topK);
  if (typeof labels !== 'object' || labels === null) throw mismatch('invalid-argument', 'labels', kindOf(labels), 'a list of texts');
  if (typeof score !== 'string' || !Object.hasOwn(SCORES, score))
    throw mismatch('invalid-argument', 'score function', shown(score), Object.keys(SCORES).join(', '));
  const scores = SCORES[score](logits);
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  return order.slice(0, topK ?? order.length).map((id) => ({ label: labels[id] ?? `LABEL_${id}`, score: scores[id]! }));
}

/** Returns the `topK` best of ranked labels that are allowed, not denied and not below the threshold. */
export function select(ranked: readonly Classification[], { topK, threshold, allow, deny }: LabelChoice): Classification[] {
  checkTopK(topK);
  if (threshold !== undefined && !Number.isFinite(threshold))
    throw mismatch('invalid-argument', 'threshold', kindOf(threshold), 'a number');
  for (const [name, labels] of Object.entries({ allow, deny })) checkLabels(name, labels);
  const allowed = allow && new Set(allow);
  const denied = new Set(deny);
  return ranked
    .filter(({ label, score }) => (allowed?.has(label) ?? true) && !denied.has(label) && (threshold === undefined || score >= threshold))
    .slice(0, topK ?? ranked.length);
}

/** A single label in place of a list would be taken for a list of its letters. */
function checkLabels(name: string, labels: Iterable<string> | null | undefined): void {
  const given: unknown = labels ?? [];
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given;
  if (!isList || ![...(given as Iterable<unknown>)].every((label) => typeof label === 'string'))
    throw mismatch('invalid-argument', name, shown(given), 'a list of labels');
}

function checkTopK(topK: number | null): void {
  if (topK !== null && !(Number.isInteger(topK) && topK >= 1)) {
    throw mismatch('invalid-argument', 'topK', kindOf(topK), 'a whole number of at least 1, or null for all');
  }
}

type Task = EngineTasks['image-classification'];

export async function classify(
  { engine, processor, model, config }: TaskContext,
  image: EngineImage,
  { functionToApply, ...choice }: Task['settings'],
  call: ForwardCallOptions,
): Promise<Task['result']> {
  const { pixelValues } = await engine.preprocess(processor, [image], call);
  const logits = outputOf(await engine.forward(model, { pixelValues }, PLAIN, call), 'logits');
  const { problemType, numLabels, id2label } = config as { problemType: string | null; numLabels: number; id2label: string[] };
  return select(rank(logits.data, id2label, null, functionToApply ?? scoreFunctionOf(problemType, numLabels)), choice);
}
