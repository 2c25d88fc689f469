import { failure, mismatch } from '../base/errors.js';
import { shapeText, type AnyTensor, type LabelMap, type Tensor } from '../base/tensors.js';
import type { Engine, EngineImage } from '../engine/engine.js';
import type { CommandSpec } from './arguments.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { checkFile, readBytes, readJson, readTensorFile, writeTensorFile } from './files.js';
import { inputOf } from './inputs.js';

export const preprocess: CommandSpec = {
  name: 'preprocess',
  summary: 'prepares an image as a model takes it',
  operands: { name: 'IMAGE|IN.safetensors', least: 1, most: 1 },
  options: [
    { name: 'config', value: 'preprocessor_config.json', help: 'how', required: true },
    { name: 'outputs', value: 'OUT.safetensors', writes: 'file', help: 'the file to write: pixel_values, labels', required: true },
    ...ENGINE_OPTIONS,
  ],
  details: ['IN.safetensors has image (H, W, C, U8) and segmentation_map (H, W, U8), or one of the two.'],
  async run(parsed) {
    const input = parsed.operands[0]!;
    checkFile(input);
    const config = readJson(parsed.value<string>('config')!);
    return withEngine(parsed, async (engine) => {
      const outputs = input.endsWith('.safetensors')
        ? await preprocessTensors(engine, config, await readTensorFile(engine, input), input)
        : await preprocessAll(engine, config, { kind: 'encoded', bytes: readBytes(input), label: input }, undefined);
      writeTensorFile(parsed.value<string>('outputs')!, outputs);
      return 0;
    });
  },
};

type Outputs = Record<string, Tensor | LabelMap>;

/** Returns pixel_values and labels of the tensors image and segmentation_map, where they are. */
export async function preprocessTensors(
  engine: Engine,
  config: Record<string, unknown>,
  tensors: Record<string, AnyTensor>,
  file: string,
): Promise<Outputs> {
  const image = inputOf(tensors, 'image');
  const map = inputOf(tensors, 'segmentation_map');
  if (!image && !map) throw failure('missing-tensor', file, 'it has neither image nor segmentation_map');
  return preprocessAll(
    engine,
    config,
    image && { kind: 'raw', ...samplesOf(image, 3, `${file}: image`) },
    map && samplesOf(map, 2, `${file}: segmentation_map`),
  );
}

async function preprocessAll(
  engine: Engine,
  config: Record<string, unknown>,
  image: EngineImage | undefined,
  map: ReturnType<typeof samplesOf> | undefined,
): Promise<Outputs> {
  const { handle } = await engine.openProcessor(JSON.stringify(config));
  try {
    const outputs: Outputs = {};
    if (image) outputs['pixel_values'] = (await engine.preprocess(handle, [image])).pixelValues;
    if (map) outputs['labels'] = await engine.preprocessMap(handle, map);
    return outputs;
  } finally {
    await engine.release(handle);
  }
}

function samplesOf({ dims, data }: AnyTensor, rank: number, where: string) {
  if (!(data instanceof Uint8Array)) throw mismatch('wrong-type', where, data.constructor.name, 'U8');
  const [height = 0, width = 0, channels = 1] = dims;
  if (dims.length !== rank)
    throw mismatch('wrong-shape', where, shapeText(dims), rank === 3 ? '[height, width, channels]' : '[height, width]');
  return { height, width, channels, data };
}
