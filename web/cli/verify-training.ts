/** Reference cases of training: what an artefact that trains makes of them. */
import { join } from 'node:path';
import { platform } from '#platform';
import { createTrainingEngine } from '../api/engines.js';
import { mismatch } from '../base/errors.js';
import type { AnyTensor } from '../base/tensors.js';
import type { Engine } from '../engine/engine.js';
import type { Parsed } from './arguments.js';
import { compare, compareGradient } from './compare.js';
import { engineOptions } from './engine-options.js';
import { readJson } from './files.js';
import { forwardInputs, inputOf } from './inputs.js';
import { EXPECTED, factsOf, outputsOf, type Results } from './reference-case.js';

const GRADIENT = 'grad.';

/** The engine for cases with gradients, started for the first of them. */
export class LateTrainer {
  private engine: Promise<Engine> | null = null;

  constructor(private readonly parsed: Parsed) {}

  get(): Promise<Engine> {
    return (this.engine ??= createTrainingEngine(engineOptions(this.parsed)));
  }

  async dispose(): Promise<void> {
    const engine = await this.engine?.catch(() => null);
    await engine?.dispose();
  }
}

/**
 * Holds the gradients that a case has, if any, against the model's; they are computed in floats, whatever the outputs are. So are loss and logits of
 * what only training knows: shares of classes as labels, and in.branch_scale (layers, 2, B), the factors of drop path.
 */
export async function verifyTraining(trainer: LateTrainer, folder: string, expected: Record<string, AnyTensor>): Promise<Results> {
  const outsideInference = onlyTrained(folder, expected);
  const wanted = outputsOf(expected, GRADIENT);
  if (wanted.length === 0 && !outsideInference) return [];
  const { className, tolerance } = factsOf(folder);
  const path = join(folder, EXPECTED);
  const inputs = forwardInputs(expected, path);
  const scale = inputOf(expected, 'branch_scale') ?? null;
  if (scale && !(scale.data instanceof Float32Array))
    throw mismatch('wrong-type', `${path}: branch_scale`, scale.dtype, 'F32, F16 or BF16');
  const engine = await trainer.get();
  const branchScale = scale && { dims: scale.dims, data: scale.data as Float32Array };
  const { outputs, gradients } = await engine.gradients(await platform.resolveSource(folder, {}), { className }, inputs, branchScale);
  return [
    ...(outsideInference ? outputsOf(expected) : []).map(([name, tensor]): Results[number] => [
      name,
      compare(outputs[name], tensor, tolerance),
    ]),
    ...wanted.map(([name, tensor]): Results[number] => [GRADIENT + name, compareGradient(gradients[name], tensor)]),
  ];
}

/** Whether a case has what a model that only runs does not take. */
export function onlyTrained(folder: string, expected: Record<string, AnyTensor>): boolean {
  const labels = inputOf(expected, 'labels');
  const shares = labels?.dims.length === 2 && labels.data instanceof Float32Array;
  return (
    inputOf(expected, 'branch_scale') !== undefined ||
    (shares && readJson(join(folder, 'config.json'))['problem_type'] === 'single_label_classification')
  );
}
