/** README.md of a trained model. */
import type { BaseCheckpoint } from '../teaching/base-checkpoint.js';
import { accuracyOf } from '../teaching/judgement.js';
import { modelCard, shares } from '../teaching/model-card.js';
import type { FullRecipe, LabelledImage, Method } from './options.js';

function learning(method: Method): string {
  if (method === 'full') return 'all weights';
  if (method === 'vectors') return 'the biases, norms, layer scales, tables of position biases and the head';
  return `the head and the last ${method.slice('last:'.length)} layers`;
}

/** Returns its text after so many steps; `judged`: how many of how many pictures that it did not learn from it told right, if that is known. */
export function trainedCard(
  base: BaseCheckpoint,
  recipe: FullRecipe,
  steps: number,
  labels: readonly string[],
  pictures: readonly LabelledImage[],
  judged: { right: number; total: number } | null,
): string {
  const { method, batch, rate, augment } = recipe;
  const verdict = judged && accuracyOf(judged.right, judged.total);
  return modelCard({
    base,
    labels,
    counts: labels.map((label) => pictures.filter((picture) => picture.label === label).length),
    madeOf: (name) =>
      `${name}, of which ${learning(method)} were trained on these pictures with beit-wasm: ${steps} steps of ${batch} pictures, ` +
      `a learning rate of at most ${Number(rate.toPrecision(3))}, augmentation: ${augment}.`,
    judged: verdict
      ? `Of ${judged.total} pictures that it did not learn from, ${shares(verdict.accuracy, verdict.interval)}. If it was chosen by them among ` +
        'the states of its training, expect a little less.'
      : 'It was not judged by pictures that it did not learn from.',
  });
}
