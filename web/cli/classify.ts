import { pipeline } from '../api/pipelines/pipeline.js';
import { scoreFunctionOf } from '../engine/tasks/classification.js';
import type { ScoreFunction } from '../engine/tasks/types.js';
import { oneOf, wholeNumber, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { FAILED_STATUS, forEachImage } from './each-image.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { BIAS_OPTIONS, madeWith, WEIGHTS_OPTIONS } from './model-options.js';

const SCORES: readonly ScoreFunction[] = ['softmax', 'sigmoid', 'none'];

export const classify: CommandSpec = {
  name: 'classify',
  summary: 'prints the best labels of images',
  operands: { name: 'IMAGE…', least: 1, most: Infinity },
  options: [
    { name: 'model', value: 'SOURCE', help: 'a hub id, a URL, a folder or a .safetensors file (default: that of beit-wasm-samples)' },
    { name: 'top-k', value: 'N', help: 'how many labels (default: 5)', parse: wholeNumber(999_999_999) },
    {
      name: 'scores',
      value: SCORES.join('|'),
      help: 'how logits become scores (default: by the config; a regression gives its numbers)',
      parse: oneOf(SCORES),
    },
    { name: 'json', help: 'print JSON: [{image, labels: [{label, score}]}], or {image, error: {code, message}}' },
    ...WEIGHTS_OPTIONS,
    ...BIAS_OPTIONS,
    ...ENGINE_OPTIONS,
  ],
  async run(parsed) {
    const json = parsed.flag('json');
    const open = async () => {
      const { source, watch } = await openSource(parsed.value<string>('model'));
      return pipeline('image-classification', source, { ...engineOptions(parsed), ...madeWith(parsed), ...watch });
    };
    const { entries, failed } = await forEachImage(parsed.operands, open, async (run, image) => {
      const { problemType, numLabels } = run.model.config;
      const functionToApply = parsed.value<ScoreFunction>('scores') ?? scoreFunctionOf(problemType, numLabels);
      const labels = await run(image, { topK: parsed.value<number>('top-k'), functionToApply });
      const text = (score: number) =>
        functionToApply === 'none' ? score.toPrecision(6).padStart(10) : `${(score * 100).toFixed(2).padStart(6)} %`;
      if (!json) console.log([image, ...labels.map(({ label, score }) => `  ${text(score)}  ${label}`)].join('\n'));
      return { image, labels };
    });
    if (json) console.log(JSON.stringify(entries, null, 2));
    return failed.length > 0 ? FAILED_STATUS : 0;
  },
};
