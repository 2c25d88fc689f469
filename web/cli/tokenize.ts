import { DalleTokenizer, type ImageTokens } from '../api/dalle-tokenizer.js';
import { failure, mismatch } from '../base/errors.js';
import { shapeText, type Size } from '../base/tensors.js';
import type { DType } from '../core/core.js';
import type { Engine, RawImage } from '../engine/engine.js';
import { parser, usageError, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { checkFile, readTensorFile, writeTensorFile } from './files.js';
import { inputOf } from './inputs.js';
import { checkImage, readPicture, writePicture } from './pictures.js';

// Far beyond what fits into 4 GB as a square, which the core tells.
const MOST_SIDE = 4096;

export const size = parser(`N|HEIGHTxWIDTH, in multiples of 8 from 8 to ${MOST_SIDE}`, (text): Size | null => {
  const [, height = '', width = height] = /^(\d{1,4})(?:x(\d{1,4}))?$/.exec(text) ?? [];
  const sides = { height: Number(height), width: Number(width) };
  return Object.values(sides).every((side) => side >= 8 && side <= MOST_SIDE && side % 8 === 0) ? sides : null;
});

export const tokenize: CommandSpec = {
  name: 'tokenize',
  summary: "turns an image into DALL-E's visual tokens, and tokens into an image",
  operands: { name: 'IMAGE|TOKENS.safetensors', least: 1, most: 1 },
  options: [
    { name: 'tokenizer', value: 'SOURCE', help: 'a folder or URL with encoder and decoder (.pkl or .safetensors)', required: true },
    {
      name: 'outputs',
      value: 'OUT.safetensors|OUT.png',
      writes: 'file',
      help: 'the file to write: tokens (height, width), or their picture',
      required: true,
    },
    {
      name: 'size',
      value: 'N|HEIGHTxWIDTH',
      help: 'resize an image to it, in multiples of 8 (default: 112; 512 takes 1.6 GB of memory)',
      parse: size,
    },
    { name: 'json', help: 'print JSON: {height, width, tokens: [[…], …]}' },
    ...ENGINE_OPTIONS,
  ],
  details: ['An image written to OUT.png is what the tokenizer keeps of it: encoded, then decoded.'],
  async run(parsed) {
    const input = parsed.operands[0]!;
    const outputs = parsed.value<string>('outputs')!;
    const isTokens = /\.safetensors$/i.test(input);
    const wantsTokens = /\.safetensors$/i.test(outputs);
    if (!wantsTokens && !/\.png$/i.test(outputs)) {
      throw usageError(`The option --outputs cannot be ${JSON.stringify(outputs)}; it is OUT.safetensors|OUT.png.`);
    }
    if (isTokens && wantsTokens) throw usageError(`${input} has tokens already; the option --outputs is then OUT.png.`);
    if (isTokens && parsed.value('size')) throw usageError('The option --size is for images; tokens have a size of their own.');
    if (isTokens) checkFile(input);
    else checkImage(input);
    return withEngine(parsed, async (engine) => {
      const given = isTokens ? await readTokens(engine, input) : await readPicture(engine, input);
      const { source, watch } = await openSource(parsed.value<string>('tokenizer')!);
      const tokenizer = await DalleTokenizer.fromPretrained(source, {
        engine,
        ...watch,
        dtype: parsed.value<DType>('dtype'),
      });
      try {
        const tokens = isImage(given) ? await tokenizer.encode(given, { size: parsed.value<Size>('size') }) : given;
        if (wantsTokens) writeTensorFile(outputs, { tokens: { dims: [tokens.height, tokens.width], data: tokens.data } });
        else writePicture(outputs, await tokenizer.decode(tokens));
        console.log(
          parsed.flag('json')
            ? JSON.stringify({ height: tokens.height, width: tokens.width, tokens: rowsOf(tokens) })
            : `${outputs}: ${tokens.height} x ${tokens.width} tokens, ${new Set(tokens.data).size} of them different`,
        );
        return 0;
      } finally {
        await tokenizer.dispose();
      }
    });
  },
};

function isImage(given: RawImage | ImageTokens): given is RawImage {
  return 'channels' in given;
}

/** Returns the tensor tokens, (h, w) or (1, h, w), of a file. Throws missing-tensor, wrong-type or wrong-shape. */
async function readTokens(engine: Engine, file: string): Promise<ImageTokens> {
  const tensor = inputOf(await readTensorFile(engine, file), 'tokens');
  if (!tensor) throw failure('missing-tensor', file, 'it has no tensor tokens');
  const { dims, data, dtype } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) throw mismatch('wrong-type', `${file}: tokens`, dtype, 'integers');
  const [height = 0, width = 0] = dims.slice(-2);
  if (dims.length < 2 || dims.length > 3 || height * width !== data.length || data.length === 0) {
    throw mismatch('wrong-shape', `${file}: tokens`, shapeText(dims), '[height, width]');
  }
  return { height, width, data: Int32Array.from(data as Iterable<number | bigint>, Number) };
}

function rowsOf({ height, width, data }: ImageTokens): number[][] {
  return Array.from({ length: height }, (_, y) => [...data.subarray(y * width, (y + 1) * width)]);
}
