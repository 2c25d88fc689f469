import { basename, join } from 'node:path';
import { platform } from '#platform';
import { DalleTokenizer } from '../api/dalle-tokenizer.js';
import { BeitError, failure } from '../base/errors.js';
import type { AnyTensor, LabelMap, Tensor } from '../base/tensors.js';
import type { DType } from '../core/core.js';
import type { Engine, LoadedModel } from '../engine/engine.js';
import type { CommandSpec } from './arguments.js';
import { compare, type Tolerance } from './compare.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { checkFolder, isFile, readJson, readTensorFile } from './files.js';
import { forwardInputs, inputOf } from './inputs.js';
import { preprocessTensors } from './preprocess.js';
import { EXPECTED, factsOf, outputsOf, type Results } from './reference-case.js';
import { LateTrainer, onlyTrained, verifyTraining } from './verify-training.js';

// Pixel values are k * scale + offset of 8-bit integers: two orders of evaluating that differ by a
// rounding of a value near 1.
const PREPROCESS_TOLERANCE: Tolerance = { atol: 1e-6, rtol: 0 };

// Of the largest value of an output.
const ROUNDED_SHARES = new Map<DType | undefined, number>([
  ['int8', 0.05],
  ['f16', 0.005],
]);

export const verify: CommandSpec = {
  name: 'verify',
  summary: 'runs reference cases and holds the answers against theirs',
  operands: { name: 'CASE…', least: 1, most: Infinity },
  options: ENGINE_OPTIONS,
  details: [
    'A CASE is a folder with config.json, weights, case.json and expected.safetensors (in.*, out.*), or',
    'one with preprocessor_config.json and expected.safetensors. Each output must hold',
    '|a-b| <= atol + rtol |b|; with --dtype int8 or f16, whose weights are rounded, |a-b| <= 5 % or 0.5 %',
    'of the largest |b| of the output. Each grad.NAME, the gradient of out.loss by a parameter as transformers 4 names it,',
    'must hold |a-b| <= 1e-6 + 1e-4 of the largest |b|, and be within 1e-5 in all (the norm of a-b beside',
    'that of b). The exit status is 1 if any does not.',
  ],
  async run(parsed) {
    const dtype = parsed.value<DType>('dtype');
    return withEngine(parsed, async (engine) => {
      let failed = 0;
      const trainer = new LateTrainer(parsed);
      try {
        for (const folder of parsed.operands) if (!(await verifyCase(engine, trainer, folder, dtype))) ++failed;
      } finally {
        await trainer.dispose();
      }
      const count = parsed.operands.length;
      console.log(
        `${count - failed} of ${count} ${count === 1 ? 'case passes' : 'cases pass'} (${engine.info.build}, ${engine.info.threads} threads)`,
      );
      return failed > 0 ? 1 : 0;
    });
  },
};

/** Runs a case and prints it. Returns whether it passes. */
async function verifyCase(engine: Engine, trainer: LateTrainer, folder: string, dtype: DType | undefined): Promise<boolean> {
  try {
    checkFolder(folder);
    if (!isFile(join(folder, EXPECTED))) throw failure('not-found', join(folder, EXPECTED), 'there is no such file: this is no case');
    const expected = await readTensorFile(engine, join(folder, EXPECTED));
    const isModel = isFile(join(folder, 'case.json'));
    const on: string[] = [];
    const results: Results = [];
    if (!isModel) results.push(...(await verifyProcessor(engine, folder, expected)));
    else {
      if (!onlyTrained(folder, expected))
        results.push(...(await verifyModel(engine, folder, expected, dtype, (device) => device === 'gpu' && on.push(' (gpu)'))));
      results.push(...(await verifyTraining(trainer, folder, expected)));
    }
    const pass = results.length > 0 && results.every(([, { pass }]) => pass);
    console.log(`${pass ? 'pass' : 'FAIL'}  ${basename(folder)}${on.join('')}`);
    for (const [name, { pass, largest, why }] of results) {
      console.log(`      ${name.padEnd(24)} max |a-b| ${largest.toExponential(2).padStart(9)}  ${pass ? 'pass' : `FAIL: ${why}`}`);
    }
    if (results.length === 0) console.log(`      ${EXPECTED} has no tensor out.* or grad.*`);
    return pass;
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    console.log(`FAIL  ${basename(folder)}\n      ${error.message}`);
    return false;
  }
}

/** Rounded weights shift all values of an output alike, small and large. */
function roundedTolerance({ data }: AnyTensor, share: number): Tolerance {
  let largest = 0;
  for (const value of data) largest = Math.max(largest, Math.abs(Number(value)));
  return { atol: share * largest, rtol: 0 };
}

async function verifyModel(
  engine: Engine,
  folder: string,
  expected: Record<string, AnyTensor>,
  dtype: DType | undefined,
  told: (device: LoadedModel['device']) => void,
): Promise<Results> {
  const { facts, className, tolerance } = factsOf(folder);
  if (className === 'DalleTokenizer') return verifyTokenizer(engine, folder, expected, tolerance);
  const wanted = outputsOf(expected);
  const inputs = forwardInputs(expected, join(folder, EXPECTED));
  const model = await engine.loadModel(await platform.resolveSource(folder, {}), {
    className,
    dtype,
    addPoolingLayer: facts['add_pooling_layer'] !== false,
  });
  told(model.device);
  try {
    const outputs = await engine.forward(model.handle, inputs, {
      outputHiddenStates: wanted.some(([name]) => name.startsWith('hidden_states.')),
      outputAttentions: wanted.some(([name]) => name.startsWith('attentions.')),
      interpolatePosEncoding: facts['interpolate_pos_encoding'] === true,
    });
    const share = ROUNDED_SHARES.get(dtype);
    return wanted.map(([name, tensor]) => [
      name,
      compare(outputs[name], tensor, share === undefined ? tolerance : roundedTolerance(tensor, share)),
    ]);
  } finally {
    await engine.release(model.handle);
  }
}

/** Tokens must be equal; `out.tokens` are what is decoded. */
async function verifyTokenizer(
  engine: Engine,
  folder: string,
  expected: Record<string, AnyTensor>,
  tolerance: Tolerance,
): Promise<Results> {
  const image = inputOf(expected, 'image');
  if (!(image?.data instanceof Float32Array)) throw failure('missing-tensor', join(folder, EXPECTED), 'it has no tensor image of floats');
  const tokenizer = await DalleTokenizer.fromPretrained({ encoder: folder, decoder: folder }, { engine });
  try {
    const { tokens, logits } = await tokenizer.encodePixels({ dims: image.dims, data: image.data });
    const { decoderStats, reconstruction } = await tokenizer.decodeTokens(tokens);
    const outputs: Record<string, Tensor | LabelMap> = { tokens, token_logits: logits, decoder_stats: decoderStats, reconstruction };
    return outputsOf(expected).map(([name, tensor]) => [
      name,
      compare(outputs[name], tensor, name === 'tokens' ? { atol: 0, rtol: 0 } : tolerance),
    ]);
  } finally {
    await tokenizer.dispose();
  }
}

async function verifyProcessor(engine: Engine, folder: string, expected: Record<string, AnyTensor>): Promise<Results> {
  const config = readJson(join(folder, 'preprocessor_config.json'));
  const file = join(folder, EXPECTED);
  const plain = await preprocessTensors(engine, config, expected, file);
  const wanted = outputsOf(expected);
  const results: Results = [];
  for (const [name, tensor] of wanted) {
    const outputs =
      name === 'labels_reduced'
        ? { labels_reduced: (await preprocessTensors(engine, { ...config, do_reduce_labels: true }, expected, file))['labels'] }
        : plain;
    results.push([name, compare((outputs as typeof plain)[name], tensor, PREPROCESS_TOLERANCE)]);
  }
  return results;
}
