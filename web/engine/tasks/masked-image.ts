/** masked-image-modeling: hide patches of an image, and predict their visual tokens. */
import { mismatch } from '../../base/errors.js';
import type { Size } from '../../base/tensors.js';
import type { EngineImage, ForwardCallOptions } from '../engine.js';
import { blockMask, checkMask, type PatchMask } from './block-mask.js';
import { outputOf, PLAIN, type TaskContext } from './context.js';
import { hidePatches, pictureOf } from './patch-pictures.js';
import type { EngineTasks, Hiding } from './types.js';

type Task = EngineTasks['masked-image-modeling'];

export async function predictHidden(
  { engine, processor, model, config, processorConfig }: TaskContext,
  image: EngineImage,
  { logits: wantsLogits, ...hiding }: Task['settings'],
  call: ForwardCallOptions,
): Promise<Task['result']> {
  const { pixelValues, originalSizes } = await engine.preprocess(processor, [image], call);
  const [, , height = 0, width = 0] = pixelValues.dims;
  const patchSize = config['patchSize'] as Size;
  const grid = { height: Math.floor(height / patchSize.height), width: Math.floor(width / patchSize.width) };
  const mask = hiding.mask ? ownMask(hiding.mask, grid, hiding) : blockMask({ ...grid, ratio: hiding.ratio, seed: hiding.seed });
  const boolMaskedPos = { dims: [1, mask.data.length], data: mask.data };
  const outputs = await engine.forward(model, { pixelValues, ...(mask.data.includes(1) && { boolMaskedPos }) }, PLAIN, call);
  const logits = outputOf(outputs, 'logits');
  const [, count = 0, vocab = 0] = logits.dims;

  const tokens = { ...grid, data: new Int32Array(count) };
  const probabilities = new Float32Array(count);
  for (let patch = 0; patch < count; ++patch) {
    const best = likeliest(logits.data.subarray(patch * vocab, (patch + 1) * vocab));
    tokens.data[patch] = best.token;
    probabilities[patch] = best.probability;
  }
  const maskedImage = pictureOf(pixelValues, processorConfig);
  hidePatches(maskedImage, mask, patchSize);
  return {
    mask,
    tokens,
    probabilities,
    maskedImage,
    originalSize: originalSizes[0]!,
    inputSize: { height, width },
    ...(wantsLogits && { logits: { dims: [count, vocab], data: logits.data } }),
  };
}

/** Returns a checked copy of a mask, with nothing but 0 and 1. */
function ownMask(mask: PatchMask, { height, width }: Size, { ratio, seed }: Hiding): PatchMask {
  if (ratio !== undefined || seed !== undefined) {
    throw mismatch('invalid-argument', 'mask', `${ratio !== undefined ? 'ratio' : 'seed'} as well`, 'one of the two');
  }
  checkMask('mask', mask, height, width);
  return { height, width, data: mask.data.map((value) => Number(value !== 0)) };
}

/** Returns the largest of logits, the first of equals, and its share of the softmax. */
function likeliest(logits: Float32Array): { token: number; probability: number } {
  let token = 0;
  for (let i = 1; i < logits.length; ++i) if (logits[i]! > logits[token]!) token = i;
  const largest = logits[token]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return { token, probability: 1 / sum };
}
