/** The gradients of a checkpoint's loss, from a core that trains (core/training.ts). */
import { failure, unwrap } from '../base/errors.js';
import { Breather, throwIfAborted } from '../base/scheduling.js';
import type { Tensor } from '../base/tensors.js';
import type { Core, CoreForwardInputs } from '../core/core.js';
import { owned, withBytes } from '../core/heap.js';
import type { CoreGradients, TrainingCore } from '../core/training.js';
import type { Source } from '../sources/source.js';
import type { LoadCallOptions, ModelSpec } from './engine.js';
import { loadModel, type WeightTaker } from './loader.js';

/** What a loss is with inputs that have labels, and what it changes by with each parameter. */
export interface Gradients {
  /** loss and logits */
  outputs: Record<string, Tensor>;
  /** By the names that transformers 4 has for the parameters. */
  gradients: Record<string, Tensor>;
}

/** Loads a model, computes its loss for `inputs` and the gradients of all its parameters, and gives everything back. */
export async function gradientsOf(
  core: Core,
  source: Source,
  spec: ModelSpec,
  inputs: CoreForwardInputs,
  call: LoadCallOptions = {},
): Promise<Gradients> {
  if (!trains(core)) throw failure('unsupported', 'Gradients', 'this engine only runs models; it takes one of the package beit-wasm-training');
  let made: CoreGradients | null = null;
  try {
    await loadModel(core, source, spec, call, async ({ className, json }): Promise<WeightTaker> => {
      const gradients = (made = unwrap(core.createGradients(json, className)));
      return {
        put: async (name, bytes) =>
          withBytes(core, bytes, name, (pointer, length) => void unwrap(gradients.supply(name, pointer, length / Float32Array.BYTES_PER_ELEMENT))),
        finish: async () => void unwrap(gradients.finish()),
      };
    });
    return await run(core, made!, inputs, call);
  } finally {
    (made as CoreGradients | null)?.delete();
  }
}

function trains(core: Core): core is TrainingCore {
  return 'createGradients' in core;
}

async function run(core: Core, model: CoreGradients, inputs: CoreForwardInputs, { signal }: LoadCallOptions): Promise<Gradients> {
  const pass = unwrap(model.begin(inputs));
  try {
    const breather = new Breather();
    while (!unwrap(pass.step())) {
      await breather.breathe();
      throwIfAborted(signal);
    }
    const outputs = Object.entries(unwrap(pass.outputs()));
    const gradients = unwrap(model.tensors()).map(({ name }) => [name, unwrap(model.gradient(name))] as const);
    const ownedOf = (pairs: readonly (readonly [string, Tensor])[]): Record<string, Tensor> =>
      Object.fromEntries(pairs.map(([name, { dims, data }]) => [name, { dims, data: owned(core, data) }]));
    return { outputs: ownedOf(outputs), gradients: ownedOf(gradients) };
  } finally {
    pass.delete();
  }
}
