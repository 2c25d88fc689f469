// Checkpoints of random weights, drawn where they are needed.
import { writeSafetensors } from '../../dist/base/safetensors-writer.js';
import { configs, stateDict } from '../../tools/random-checkpoint.mjs';

/** Returns the files of a model of random weights. */
export function randomFiles(model) {
  const { config, preprocessor } = configs(model, { torch: 'float32' });
  let seed = 1;
  const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const tensors = stateDict(model).map(({ name, shape, count, draw }) => [
    name,
    { dims: shape, data: Float32Array.from({ length: count }, () => draw(() => next() * 2 ** 32)) },
  ]);
  return {
    'config.json': new TextEncoder().encode(JSON.stringify(config)),
    'preprocessor_config.json': new TextEncoder().encode(JSON.stringify(preprocessor)),
    'model.safetensors': writeSafetensors(Object.fromEntries(tensors)),
  };
}
