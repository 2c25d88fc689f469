/** The gradients of a checkpoint's loss, from a core that trains (core/training.ts). */
import { failure, unwrap } from '../base/errors.js';
import { Breather, throwIfAborted } from '../base/scheduling.js';
import type { Tensor } from '../base/tensors.js';
import type { Core, CoreForwardInputs, CoreTensor } from '../core/core.js';
import { owned, withBytes } from '../core/heap.js';
import type { CoreGradients, TrainingCore } from '../core/training.js';
import type { Source } from '../sources/source.js';
import type { Gradients, LoadCallOptions, ModelSpec } from './engine.js';
import { loadModel, type WeightTaker } from './loader.js';

/** Labels may be shares of classes as well, (B, L). */
export interface GradientInputs extends CoreForwardInputs {
  /** (layers, 2, B): what the two branches of a layer are multiplied by in each image, as drop path does it. */
  branchScale?: CoreTensor;
}

/** Loads a model, computes its loss for `inputs` and the gradients of all its parameters, and gives everything back. */
export async function gradientsOf(
  core: Core,
  source: Source,
  spec: ModelSpec,
  inputs: GradientInputs,
  call: LoadCallOptions = {},
): Promise<Gradients> {
  if (!trains(core))
    throw failure('unsupported', 'Gradients', 'this engine only runs models; it takes one of the package beit-wasm-training');
  let made: CoreGradients | null = null;
  try {
    const { facts } = await loadModel(core, source, spec, call, async ({ className, json }): Promise<WeightTaker> => {
      const gradients = (made = unwrap(core.createGradients(json, className)));
      return {
        put: async (name, bytes) =>
          withBytes(
            core,
            bytes,
            name,
            (pointer, length) => void unwrap(gradients.supply(name, pointer, length / Float32Array.BYTES_PER_ELEMENT)),
          ),
        finish: async () => void unwrap(gradients.finish()),
      };
    });
    return await run(core, made!, facts.className, inputs, call);
  } finally {
    (made as CoreGradients | null)?.delete();
  }
}

function trains(core: Core): core is TrainingCore {
  return 'createGradients' in core;
}

// What transformers has before the names of a body's parameters where it has the core's "beit.".
const DATA2VEC_PREFIX = 'data2vec_vision.';

async function run(
  core: Core,
  model: CoreGradients,
  className: string,
  inputs: GradientInputs,
  { signal }: LoadCallOptions,
): Promise<Gradients> {
  const { branchScale = null, ...given } = inputs;
  const pass = unwrap(model.begin(given, branchScale));
  try {
    const breather = new Breather();
    while (!unwrap(pass.step())) {
      await breather.breathe();
      throwIfAborted(signal);
    }
    const outputs = Object.entries(unwrap(pass.outputs()));
    const nameOf = (name: string): string => (className.startsWith('Data2VecVision') ? name.replace(/^beit\./, DATA2VEC_PREFIX) : name);
    const gradients = unwrap(model.tensors()).map(({ name }) => [nameOf(name), unwrap(model.gradient(name))] as const);
    const ownedOf = (pairs: readonly (readonly [string, Tensor])[]): Record<string, Tensor> =>
      Object.fromEntries(pairs.map(([name, { dims, data }]) => [name, { dims, data: owned(core, data) }]));
    return { outputs: ownedOf(outputs), gradients: ownedOf(gradients) };
  } finally {
    pass.delete();
  }
}
