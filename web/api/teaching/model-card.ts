/** README.md of a taught model: what a hub shows of it. */
import type { BaseCheckpoint } from './base-checkpoint.js';
import type { TaughtFit } from './judgement.js';

/** Returns the text, with the front matter that the hub reads. */
export function modelCard(base: BaseCheckpoint, layers: number, fit: TaughtFit): string {
  const { layer, labels, counts, accuracy, interval } = fit;
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const isOnHub = base.reach === 'anywhere' && /^[\w.-]+\/[\w.-]+$/.test(base.id) && base.revision !== null;
  // A path tells of its owner's machine what nobody else needs.
  const name = base.reach === 'anywhere' ? base.id : base.id.replace(/.*[\\/](?=.)/, '').replace(/[\\/]$/, '');
  const judged =
    accuracy === null || interval === null
      ? 'It was taught with fewer than five pictures of a label, too few to say how often it is right.'
      : `Of ${counts.reduce((a, b) => a + b, 0)} pictures, each judged by a head that had not seen it, ${percent(accuracy)} were right ` +
        `(95 % interval: ${percent(interval[0])} to ${percent(interval[1])}). The layer was chosen by the same pictures, so expect a little less.`;
  return [
    '---',
    'library_name: transformers',
    'pipeline_tag: image-classification',
    ...(isOnHub ? [`base_model: ${base.id}`] : []),
    'tags:',
    '- beit',
    '- image-classification',
    '---',
    '',
    `# A classifier of ${labels.length} labels`,
    '',
    `A linear head on the mean of the patches' states after layer ${layer} of ${layers} of ${code(name)}` +
      `${base.revision === null ? '' : ` (revision ${code(base.revision)})`}, fitted in closed form (ridge regression) with beit-wasm. ` +
      'The weights of the base are as they were; layers behind that are left out.',
    '',
    '| label | pictures |',
    '|---|---|',
    ...labels.map((label, k) => `| ${cell(label)} | ${counts[k]} |`),
    '',
    judged,
    '',
    '```python',
    'from transformers import pipeline',
    'classify = pipeline("image-classification", model="FOLDER")',
    'print(classify("picture.jpg"))',
    '```',
    '',
    'It answers with one of these labels whatever the picture shows.',
    '',
  ].join('\n');
}

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
const cell = (text: string): string => text.replace(/[\\|<>&*_`[\]]/g, (letter) => `\\${letter}`).replace(/\s+/g, ' ');
