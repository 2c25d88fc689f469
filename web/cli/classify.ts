import { pipeline } from '../pipeline.js';
import { wholeNumber, type CommandSpec } from './arguments.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { BIAS_OPTIONS, madeWith, WEIGHTS_OPTIONS } from './model-options.js';
import { checkImage } from './pictures.js';

export const classify: CommandSpec = {
  name: 'classify',
  summary: 'prints the best labels of images',
  operands: { name: 'IMAGE…', least: 1, most: Infinity },
  options: [
    { name: 'model', value: 'SOURCE', help: 'a hub id, a URL, a folder or a .safetensors file (default: the embedded classifier)' },
    { name: 'top-k', value: 'N', help: 'how many labels (default: 5)', parse: wholeNumber(999_999_999) },
    { name: 'json', help: 'print JSON: [{image, labels: [{label, score}]}]' },
    ...WEIGHTS_OPTIONS, ...BIAS_OPTIONS, ...ENGINE_OPTIONS,
  ],
  async run(parsed) {
    const images = parsed.operands;
    images.forEach(checkImage);
    const run = await pipeline('image-classification', parsed.value<string>('model'), { ...engineOptions(parsed), ...madeWith(parsed) });
    try {
      const results = [];
      for (const image of images) {
        const labels = await run(image, { topK: parsed.value<number>('top-k') });
        results.push({ image, labels });
        if (parsed.flag('json')) continue;
        console.log(image);
        for (const { label, score } of labels) console.log(`  ${(score * 100).toFixed(2).padStart(6)} %  ${label}`);
      }
      if (parsed.flag('json')) console.log(JSON.stringify(results, null, 2));
    } finally {
      await run.dispose();
    }
    return 0;
  },
};
