import { pipeline } from '../api/pipelines/pipeline.js';
import type { ImageClassificationPipeline } from '../api/pipelines/classification.js';
import { accuracyOf, confusionOf, type Accuracy } from '../api/teaching/judgement.js';
import { BeitError, mismatch } from '../base/errors.js';
import type { CommandSpec } from './arguments.js';
import { confusionPicture } from './confusion-picture.js';
import { complain, sentenceFor } from './complaints.js';
import { openSource } from './downloads.js';
import { FAILED_STATUS } from './each-image.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { writeTextFile } from './files.js';
import { readValidation, type LabelledFile } from './image-folder.js';

export interface Evaluation extends Accuracy {
  right: number;
  pictures: number;
  /** Of the folders, in the order of the model's. */
  labels: string[];
  /** All that the model answers with. */
  answers: string[];
  /** How often each label (row) was told as each answer (column). */
  confusion: number[][];
  /** Pictures that could not be read. */
  failed: string[];
}

/** Has a classifier tell labelled pictures. Throws invalid-argument for labels that it has not. */
export async function evaluatePictures(classify: ImageClassificationPipeline, files: readonly LabelledFile[]): Promise<Evaluation> {
  const answers = [...classify.model.config.id2label];
  const unknown = [...new Set(files.map(({ label }) => label))].filter((label) => !answers.includes(label));
  if (unknown.length > 0)
    throw mismatch(
      'invalid-argument',
      'DIR',
      `folders of ${unknown.join(', ')}`,
      `labels of the model: ${answers.slice(0, 20).join(', ')}${answers.length > 20 ? ', …' : ''}`,
    );
  const truth: number[] = [];
  const told: number[] = [];
  const failed: string[] = [];
  for (const { label, path } of files) {
    try {
      const [best] = await classify(path, { topK: 1 });
      truth.push(answers.indexOf(label));
      told.push(answers.indexOf(best!.label));
    } catch (error) {
      if (!(error instanceof BeitError)) throw error;
      complain(sentenceFor(error));
      failed.push(path);
    }
  }
  if (truth.length === 0) throw mismatch('bad-image', 'DIR', 'no picture that can be read', 'at least one');
  const right = truth.filter((id, i) => id === told[i]).length;
  const rows = [...new Set(truth)].sort((a, b) => a - b);
  const rowOf = new Map(rows.map((id, row) => [id, row]));
  return {
    ...accuracyOf(right, truth.length),
    right,
    pictures: truth.length,
    labels: rows.map((id) => answers[id]!),
    answers,
    // A model may know 21,841 labels, of which the folders have a few.
    confusion: confusionOf(
      truth.map((id) => rowOf.get(id)!),
      told,
      rows.length,
      answers.length,
    ),
    failed,
  };
}

/** Returns "Right on 47 of 50 (94.0 %; 95 % interval 83.8 to 97.9)". */
export function verdict({ accuracy, interval: [low, high] }: Accuracy, right: number, pictures: number): string {
  const percent = (share: number): string => (share * 100).toFixed(1);
  return `Right on ${right} of ${pictures} (${percent(accuracy)} %; 95 % interval ${percent(low)} to ${percent(high)})`;
}

export const evaluate: CommandSpec = {
  name: 'evaluate',
  summary: 'tells how often a classifier is right about pictures in folders',
  operands: { name: 'DIR', least: 1, most: 1 },
  options: [
    {
      name: 'model',
      value: 'SOURCE',
      help: 'a classifier: a hub id, a URL, a folder or a weights file (default: that of beit-wasm-samples)',
    },
    { name: 'confusion', value: 'OUT.svg', writes: 'file', help: 'draw how often each label was told as each' },
    { name: 'json', help: 'print JSON: {accuracy, interval, right, pictures, labels, answers, confusion, failed}' },
    ...ENGINE_OPTIONS,
  ],
  details: ['DIR has a folder for each label, or such folders in validation; the names are the labels of the model.'],
  async run(parsed) {
    const files = readValidation(parsed.operands[0]!);
    const { source, watch } = await openSource(parsed.value<string>('model'));
    const classify = await pipeline('image-classification', source, { ...engineOptions(parsed), ...watch });
    try {
      const result = await evaluatePictures(classify, files);
      const { labels, answers, confusion, right, pictures } = result;
      const picture = parsed.value<string>('confusion');
      // Columns of answers that were never given say nothing, unless they are labels here.
      const shown = answers.map((_, k) => k).filter((k) => labels.includes(answers[k]!) || confusion.some((row) => row[k]! > 0));
      if (picture !== undefined)
        writeTextFile(
          picture,
          confusionPicture(
            labels,
            shown.map((k) => answers[k]!),
            confusion.map((row) => shown.map((k) => row[k]!)),
          ),
        );
      if (parsed.flag('json')) console.log(JSON.stringify(result, null, 2));
      else {
        console.log(verdict(result, right, pictures));
        for (const [i, label] of labels.entries()) {
          const row = confusion[i]!;
          console.log(`  ${label}: ${row[answers.indexOf(label)]} of ${row.reduce((a, b) => a + b, 0)}`);
        }
      }
      return result.failed.length > 0 ? FAILED_STATUS : 0;
    } finally {
      await classify.dispose();
    }
  },
};
