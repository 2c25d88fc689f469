/** README.md of a model that was made here: what a hub shows of it. */
import type { BaseCheckpoint } from './base-checkpoint.js';
import type { TaughtFit } from './judgement.js';

export interface CardFacts {
  base: BaseCheckpoint;
  labels: readonly string[];
  /** Pictures of each label that it was made by; of one that segments, strokes. */
  counts: readonly number[];
  segments?: boolean;
  /** What it is, a sentence or two around the base's name. */
  madeOf: (base: string) => string;
  /** How often it is right. */
  judged: string;
}

/** Returns the text of a model that classifies or segments, with the front matter that the hub reads. */
export function modelCard({ base, labels, counts, segments = false, madeOf, judged }: CardFacts): string {
  const [task, call, title, counted] = segments
    ? ['image-segmentation', 'segment', 'Segmentation by', 'strokes']
    : ['image-classification', 'classify', 'A classifier of', 'pictures'];
  return cardOf(base, task, `${title} ${labels.length} labels`, (name) => [
    madeOf(name),
    '',
    `| label | ${counted} |`,
    '|---|---|',
    ...labels.map((label, k) => `| ${cell(label)} | ${counts[k]} |`),
    '',
    judged,
    '',
    '```python',
    'from transformers import pipeline',
    `${call} = pipeline("${task}", model="FOLDER")`,
    `print(${call}("picture.jpg"))`,
    '```',
    '',
    'It answers with one of these labels whatever the picture shows.',
  ]);
}

/** The same of any model; `task` is the hub's name of what it does, if that has one. */
export function cardOf(base: BaseCheckpoint, task: string | null, title: string, lines: (base: string) => readonly string[]): string {
  const isOnHub = base.reach === 'anywhere' && /^[\w.-]+\/[\w.-]+$/.test(base.id) && base.revision !== null;
  // A path tells of its owner's machine what nobody else needs.
  const name = base.reach === 'anywhere' ? base.id : base.id.replace(/.*[\\/](?=.)/, '').replace(/[\\/]$/, '');
  return [
    '---',
    'library_name: transformers',
    ...(task === null ? [] : [`pipeline_tag: ${task}`]),
    ...(isOnHub ? [`base_model: ${base.id}`] : []),
    'tags:',
    '- beit',
    ...(task === null ? [] : [`- ${task}`]),
    '---',
    '',
    `# ${title}`,
    '',
    ...lines(`${code(name)}${base.revision === null ? '' : ` (revision ${code(base.revision)})`}`),
    '',
  ].join('\n');
}

/** That of a head on frozen features. */
export function taughtCard(base: BaseCheckpoint, layers: number, fit: TaughtFit): string {
  const { layer, labels, counts, accuracy, interval } = fit;
  return modelCard({
    base,
    labels,
    counts,
    madeOf: (name) =>
      `A linear head on the mean of the patches' states after layer ${layer} of ${layers} of ${name}, fitted in closed form (ridge regression) ` +
      'with beit-wasm. The weights of the base are as they were; layers behind that are left out.',
    judged:
      accuracy === null || interval === null
        ? 'It was taught with fewer than five pictures of a label, too few to say how often it is right.'
        : `Of ${counts.reduce((a, b) => a + b, 0)} pictures, each judged by a head that had not seen it, ${shares(accuracy, interval)}. ` +
          'The layer was chosen by the same pictures, so expect a little less.',
  });
}

/** Returns "62.5 % were right", with the interval. */
export function shares(accuracy: number, [low, high]: readonly [number, number]): string {
  return `${percent(accuracy)} were right (95 % interval: ${percent(low)} to ${percent(high)})`;
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
const cell = (text: string): string => text.replace(/[\\|<>&*_`[\]]/g, (letter) => `\\${letter}`).replace(/\s+/g, ' ');
