import { pipeline } from '../pipeline.js';
import { concatenate } from '../tensors.js';
import type { CommandSpec } from './arguments.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { writeTensorFile } from './files.js';
import { checkImage } from './pictures.js';

export const features: CommandSpec = {
  name: 'features',
  summary: 'writes what the encoder makes of images',
  operands: { name: 'IMAGE…', least: 1, most: Infinity },
  options: [
    { name: 'outputs', value: 'OUT.safetensors', help: 'the file to write: features, the images in their order', required: true },
    { name: 'model', value: 'SOURCE', help: 'any checkpoint with an encoder (default: the embedded classifier)' },
    { name: 'layer', value: 'pooled|tokens|N', help: 'what to write (default: pooled)', parse: layer },
    { name: 'json', help: 'print JSON: {images, dims, outputs}' },
    ...ENGINE_OPTIONS,
  ],
  details: [
    "pooled is the pooler's output (images, C), tokens the last hidden state (images, T, C), and a number",
    'the hidden state of that layer: 0 the embeddings, -1 the last.',
  ],
  async run(parsed) {
    const images = parsed.operands;
    images.forEach(checkImage);
    const outputs = parsed.value<string>('outputs')!;
    const run = await pipeline('image-feature-extraction', parsed.value<string>('model'), engineOptions(parsed));
    try {
      const rows = [];
      for (const image of images) {
        const { dims, data } = await run(image, { output: parsed.value<'pooled' | 'tokens' | number>('layer') });
        rows.push({ dims: [1, ...dims], data });
      }
      const all = concatenate('images', rows);
      writeTensorFile(outputs, { features: all });
      console.log(parsed.flag('json') ? JSON.stringify({ images, dims: all.dims, outputs }, null, 2)
        : `${outputs}: features ${all.dims.join(' x ')}`);
    } finally {
      await run.dispose();
    }
    return 0;
  },
};

function layer(text: string): 'pooled' | 'tokens' | number | null {
  if (text === 'pooled' || text === 'tokens') return text;
  return /^-?\d{1,4}$/.test(text) ? Number(text) : null;
}
