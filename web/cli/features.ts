import { pipeline } from '../api/pipelines/pipeline.js';
import { BeitError, mismatch } from '../base/errors.js';
import { concatenate } from '../base/tensors.js';
import type { CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { FAILED_STATUS, forEachImage } from './each-image.js';
import { ENGINE_OPTIONS, engineOptions } from './engine-options.js';
import { writeTensorFile } from './files.js';

export const features: CommandSpec = {
  name: 'features',
  summary: 'writes what the encoder makes of images',
  operands: { name: 'IMAGE…', least: 1, most: Infinity },
  options: [
    {
      name: 'outputs',
      value: 'OUT.safetensors',
      writes: 'file',
      help: 'the file to write: features, the images in their order',
      required: true,
    },
    { name: 'model', value: 'SOURCE', help: 'any checkpoint with an encoder (default: the classifier of beit-wasm-samples)' },
    { name: 'layer', value: 'pooled|tokens|N', help: 'what to write (default: pooled)', parse: layer },
    { name: 'json', help: 'print JSON: {images, dims, outputs, failed: [{image, error: {code, message}}]}' },
    ...ENGINE_OPTIONS,
  ],
  details: [
    "pooled is the pooler's output (images, C), tokens the last hidden state (images, T, C), and a number",
    'the hidden state of that layer: 0 the embeddings, -1 the last. An image that fails has no row.',
  ],
  async run(parsed) {
    const outputs = parsed.value<string>('outputs')!;
    const open = async () => {
      const { source, watch } = await openSource(parsed.value<string>('model'));
      return pipeline('image-feature-extraction', source, { ...engineOptions(parsed), ...watch });
    };
    const { done, failed } = await forEachImage(parsed.operands, open, async (run, image) => {
      const { dims, data } = await run(image, { output: parsed.value<'pooled' | 'tokens' | number>('layer') });
      return { image, dims: [1, ...dims], data };
    }).catch((error) => {
      const isOfLayer = error instanceof BeitError && error.code === 'invalid-argument' && error.where === 'output';
      throw isOfLayer ? mismatch(error.code, '--layer', error.got, error.expected) : error;
    });
    // Without a row there is no file: it would look as if it had answers.
    const all = done.length > 0 ? concatenate('images', done) : null;
    if (all) writeTensorFile(outputs, { features: all });
    const images = done.map(({ image }) => image);
    if (parsed.flag('json'))
      console.log(JSON.stringify({ images, dims: all?.dims ?? [0], outputs: all ? outputs : null, failed }, null, 2));
    else if (all) console.log(`${outputs}: features ${all.dims.join(' x ')}`);
    return failed.length > 0 ? FAILED_STATUS : 0;
  },
};

export function layer(text: string): 'pooled' | 'tokens' | number | null {
  if (text === 'pooled' || text === 'tokens') return text;
  return /^-?\d{1,4}$/.test(text) ? Number(text) : null;
}
