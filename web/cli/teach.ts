import { resolve } from 'node:path';
import { Teacher } from '../node.js';
import { BeitError, mismatch } from '../base/errors.js';
import { checkModelFolder } from '../platform/written-file-node.js';
import { oneOf, wholeNumber, type CommandSpec } from './arguments.js';
import { complain, sentenceFor } from './complaints.js';
import { openSource } from './downloads.js';
import { FAILED_STATUS } from './each-image.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { evaluatePictures, verdict } from './evaluate.js';
import { sameFile } from './files.js';
import { readImageFolder, readValidation } from './image-folder.js';

const MOST_LAYERS = 1000;

export const teach: CommandSpec = {
  name: 'teach',
  summary: 'makes a classifier of your own labels from pictures in folders',
  operands: { name: 'DIR', least: 1, most: 1 },
  options: [
    { name: 'out', value: 'FOLDER', writes: 'folder', help: 'where the model is written', required: true },
    { name: 'model', value: 'SOURCE', help: 'the checkpoint to teach on (default: the classifier of beit-wasm-samples)' },
    { name: 'layer', value: 'auto|N', help: 'the layer that the head stands on (default: auto)', parse: layer },
    { name: 'dtype', value: 'f16|f32', help: 'the element type to write (default: f16)', parse: oneOf(['f16', 'f32']) },
    { name: 'validation', value: 'DIR', help: 'pictures to judge the model by (default: DIR/validation, where it is there)' },
    { name: 'json', help: 'print JSON: {layer, labels, counts, accuracy, interval, confusion, wrong, validation, files, failed}' },
    ...ENGINE_OPTIONS.filter(({ name }) => name !== 'dtype'),
  ],
  details: [
    'DIR has a folder for each label, or such folders in train and validation. A linear head is fitted to the features of',
    'SOURCE, which stays as it is; FOLDER gets what transformers and this command read: model.safetensors, config.json,',
    'preprocessor_config.json and README.md. Each picture is judged by a head that has not seen it.',
  ],
  async run(parsed) {
    const { training, validation: apart } = readImageFolder(parsed.operands[0]!);
    const given = parsed.value<string>('validation');
    const validation = given === undefined ? apart : readValidation(given);
    const out = parsed.value<string>('out')!;
    const json = parsed.flag('json');
    checkModelFolder(out);
    const { source, watch } = await openSource(parsed.value<string>('model'));
    const description = source?.describe();
    if (description?.kind === 'folder' && (resolve(description.folder) === resolve(out) || sameFile(description.folder, out)))
      throw mismatch('invalid-argument', '--out', `${out}, the folder of the checkpoint, which would be overwritten`, 'another folder');
    const { dtype: _, ...options } = engineOptions(parsed);
    const teacher = await Teacher.from(source, { ...options, ...watch });
    try {
      const failed: string[] = [];
      const paths = new Map<number, string>();
      for (const { label, path } of training) {
        try {
          const [id] = await teacher.add(label, path);
          paths.set(id!, path);
        } catch (error) {
          if (!(error instanceof BeitError)) throw error;
          complain(sentenceFor(error));
          failed.push(path);
        }
      }
      const fit = await teacher.fit({ layer: parsed.value<number | 'auto'>('layer') });
      const files = await teacher.save(out, { dtype: parsed.value<'f16' | 'f32'>('dtype'), ...watch });
      const wrong = fit.wrong.map(({ id, ...rest }) => ({ path: paths.get(id)!, ...rest }));
      let judged = null;
      if (validation) {
        const classify = await teacher.pipeline();
        try {
          judged = await evaluatePictures(classify, validation);
        } finally {
          await classify.dispose();
        }
      }
      const { layer: chosen, labels, counts, accuracy, interval } = fit;
      if (json) console.log(JSON.stringify({ ...fit, wrong, validation: judged, files, failed }, null, 2));
      else {
        const total = counts.reduce((a, b) => a + b, 0);
        console.log(`Taught ${labels.length} labels by ${total} pictures, after layer ${chosen} of ${teacher.layers}.`);
        if (accuracy !== null && interval !== null)
          console.log(`${verdict({ accuracy, interval }, total - wrong.length, total)}, each judged without itself.`);
        else console.log('With fewer than five pictures of a label nothing can be said of how often it is right.');
        if (judged) console.log(`${verdict(judged, judged.right, judged.pictures)} of the pictures for validation.`);
        for (const { path, answer, score } of wrong.slice(0, 10)) console.log(`  ${path}: ${answer} (${(score * 100).toFixed(0)} %)?`);
        console.log(`${out}: ${files.join(', ')}`);
      }
      return failed.length + (judged?.failed.length ?? 0) > 0 ? FAILED_STATUS : 0;
    } finally {
      await teacher.dispose();
    }
  },
};

function layer(text: string): number | 'auto' | null {
  return text === 'auto' ? 'auto' : wholeNumber(MOST_LAYERS)(text);
}
