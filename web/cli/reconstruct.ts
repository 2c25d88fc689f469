import type { MaskedImagePrediction } from '../api/pipelines/masked-image.js';
import { pipeline } from '../api/pipelines/pipeline.js';
import type { AnyArray } from '../base/tensors.js';
import type { DType } from '../core/core.js';
import type { RawImage } from '../engine/engine.js';
import { parser, usageError, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { writeTensorFile } from './files.js';
import { readPicture, writePicture } from './pictures.js';

const share = parser('a number from 0 to 1', (text) => {
  const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  return value >= 0 && value <= 1 ? value : null;
});

const seed = parser('a whole number from 0 to 4294967295', (text) => {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return value < 2 ** 32 ? value : null;
});

export const reconstruct: CommandSpec = {
  name: 'reconstruct',
  summary: 'hides patches of an image and predicts what is there',
  operands: { name: 'IMAGE', least: 1, most: 1 },
  options: [
    {
      name: 'model',
      value: 'SOURCE',
      help: 'a checkpoint for masked images (pt22k): a hub id, a URL, a folder or a weights file',
      required: true,
    },
    { name: 'tokenizer', value: 'SOURCE', help: "DALL-E's tokenizer: a folder or URL with encoder and decoder" },
    { name: 'ratio', value: 'R', help: 'the share of patches to hide, 0 to 1 (default: 75 of 14 x 14)', parse: share },
    { name: 'seed', value: 'N', help: 'what the hidden blocks follow from, 0 to 4294967295 (default: 0)', parse: seed },
    { name: 'masked', value: 'MASKED.png', writes: 'file', help: 'write the image as the model sees it' },
    {
      name: 'reconstruction',
      value: 'OUT.png',
      writes: 'file',
      help: 'write the picture of the predicted tokens where hidden, of the true ones elsewhere',
    },
    {
      name: 'decoded',
      value: 'DECODED.png',
      writes: 'file',
      help: 'write the picture of the true tokens, the best that a model can reach',
    },
    {
      name: 'outputs',
      value: 'OUT.safetensors',
      writes: 'file',
      help: 'write mask, tokens, probabilities and true_tokens (height, width)',
    },
    { name: 'json', help: 'print JSON: {image, height, width, masked, accuracy, predictions: [{patch, token, probability, trueToken}]}' },
    ...ENGINE_OPTIONS,
  ],
  details: ['Pictures, true tokens and the accuracy need --tokenizer; MASKED.png does not.'],
  async run(parsed) {
    const name = parsed.operands[0]!;
    const tokenizer = parsed.value<string>('tokenizer');
    const [masked, reconstruction, decoded, outputs] = ['masked', 'reconstruction', 'decoded', 'outputs'].map((option) =>
      parsed.value<string>(option),
    );
    for (const [option, path] of Object.entries({ reconstruction, decoded })) {
      if (path !== undefined && tokenizer === undefined)
        throw usageError(`The option --${option} needs --tokenizer SOURCE, which draws tokens.`);
    }
    return withEngine(parsed, async (engine) => {
      const image = await readPicture(engine, name);
      const { source, watch } = await openSource(parsed.value<string>('model')!);
      const run = await pipeline('masked-image-modeling', source, {
        engine,
        tokenizer: tokenizer === undefined ? undefined : (await openSource(tokenizer)).source,
        ...watch,
        dtype: parsed.value<DType>('dtype'),
      });
      try {
        const found = await run(image, {
          ratio: parsed.value<number>('ratio'),
          seed: parsed.value<number>('seed'),
          pictures: (reconstruction ?? decoded) !== undefined,
        });
        const pictures: Array<[string | undefined, RawImage | undefined]> = [
          [masked, found.maskedImage],
          [reconstruction, found.reconstruction],
          [decoded, found.tokenizerReconstruction],
        ];
        for (const [path, picture] of pictures) if (path !== undefined && picture) writePicture(path, picture);
        if (outputs !== undefined) writeTensorFile(outputs, tensorsOf(found));
        print(name, found, parsed.flag('json'));
        return 0;
      } finally {
        await run.dispose();
      }
    });
  },
};

function tensorsOf({ mask, tokens, probabilities, trueTokens }: MaskedImagePrediction): Record<string, { dims: number[]; data: AnyArray }> {
  const dims = [mask.height, mask.width];
  return {
    mask: { dims, data: mask.data },
    tokens: { dims, data: tokens.data },
    probabilities: { dims, data: probabilities },
    ...(trueTokens && { true_tokens: { dims, data: trueTokens.data } }),
  };
}

function print(image: string, { mask: { height, width, data }, predictions, accuracy }: MaskedImagePrediction, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ image, height, width, masked: predictions.length, accuracy, predictions }, null, 2));
    return;
  }
  console.log(`${image}: ${predictions.length} of ${data.length} patches hidden (${height} x ${width})`);
  if (predictions.length === 0) return;
  const mean = predictions.reduce((sum, { probability }) => sum + probability, 0) / predictions.length;
  console.log(`  mean probability of the predicted tokens: ${(mean * 100).toFixed(2)} %`);
  if (accuracy == null) return;
  const right = predictions.filter(({ token, trueToken }) => token === trueToken).length;
  console.log(`  predicted as the tokenizer has it: ${right} of ${predictions.length} (${(accuracy * 100).toFixed(2)} %)`);
}
