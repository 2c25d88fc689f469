/** README.md of a trained model. */
import type { BaseCheckpoint } from '../teaching/base-checkpoint.js';
import { accuracyOf } from '../teaching/judgement.js';
import { cardOf, modelCard, percent, shares } from '../teaching/model-card.js';
import type { Judged } from './log.js';
import type { FullRecipe, LabelledImage, Method } from './options.js';

function learning(method: Method): string {
  if (method === 'full') return 'all weights';
  if (method === 'vectors') return 'the biases, norms, layer scales, tables of position biases and the head';
  return `the head and the last ${method.slice('last:'.length)} layers`;
}

function course({ batch, rate, augment }: FullRecipe, steps: number): string {
  return `${steps} steps of ${batch} pictures, a learning rate of at most ${Number(rate.toPrecision(3))}, augmentation: ${augment}`;
}

/** Returns a classifier's text after so many steps; `judged`: how many of how many pictures that it did not learn from it told right, if that is known. */
export function trainedCard(
  base: BaseCheckpoint,
  recipe: FullRecipe,
  steps: number,
  labels: readonly string[],
  pictures: readonly LabelledImage[],
  judged: { right: number; total: number } | null,
): string {
  const verdict = judged && accuracyOf(judged.right, judged.total);
  return modelCard({
    base,
    labels,
    counts: labels.map((label) => pictures.filter((picture) => picture.label === label).length),
    madeOf: (name) =>
      `${name}, of which ${learning(recipe.method)} were trained on these pictures with beit-wasm: ${course(recipe, steps)}.`,
    judged: verdict
      ? `Of ${judged.total} pictures that it did not learn from, ${shares(verdict.accuracy, verdict.interval)}. If it was chosen by them among ` +
        'the states of its training, expect a little less.'
      : 'It was not judged by pictures that it did not learn from.',
  });
}

/** That of a model of masked images, trained on so many pictures. */
export function maskedCard(base: BaseCheckpoint, recipe: FullRecipe, steps: number, pictures: number, judged: Judged | null): string {
  const hidden = `${(recipe.maskRatio * 100).toFixed(0)} % of the patches hidden`;
  return cardOf(base, null, 'A BEiT of masked images', (name) => [
    `${name}, of which ${learning(recipe.method)} were trained on ${pictures} pictures without labels with beit-wasm, to tell the visual tokens of hidden ` +
      `patches: ${course(recipe, steps)}, ${hidden}.`,
    '',
    judged
      ? `Of pictures that it did not learn from, ${percent(judged.accuracy)} of the hidden patches' tokens were right, with a loss of ${judged.loss.toFixed(3)}.`
      : 'It was not judged by pictures that it did not learn from.',
    '',
    '```python',
    'from transformers import BeitForMaskedImageModeling',
    'model = BeitForMaskedImageModeling.from_pretrained("FOLDER")',
    '```',
  ]);
}
