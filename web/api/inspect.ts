/** What a checkpoint is, before it is loaded. */
import { givenConfig, givenOptions } from '../base/options.js';
import type { Inspection } from '../engine/engine.js';
import type { SourceLike } from '../sources/source.js';
import { sourceOf } from './configure.js';
import type { ModelOptions } from './model-base.js';
import { dtypeOf, withLease } from './pretrained.js';

export interface InspectOptions extends ModelOptions {
  /** The reference's class name, or `auto`: what config.json's architectures say, else the tensors. Default: auto */
  className?: string | undefined;
}

/**
 * Returns what a checkpoint holds and how it fits its model, from its headers alone: class, config,
 * naming family, tensors, names that are missing, unexpected or not read, bytes to read and of memory.
 * Missing tensors are told, not thrown. Rejects like BeitModel.fromPretrained() for everything else.
 * @example
 * ```js
 * import { inspect } from 'beit-wasm';
 *
 * const { className, estimate, report } = await inspect('microsoft/beit-base-patch16-224');
 * console.log(className, estimate.weights, report.missing);
 * ```
 */
export async function inspect(source: SourceLike, options: InspectOptions = {}): Promise<Inspection> {
  const { className = 'auto', config, ...rest } = givenOptions(options);
  const { layerNormEps, relativePositionBiasResize } = rest;
  const dtype = dtypeOf(rest);
  const files = await sourceOf(source, rest);
  const configJson = givenConfig(config);
  return withLease(rest, async (lease) => {
    const found = await lease.engine.inspect(files, { className, configJson, dtype, layerNormEps, relativePositionBiasResize }, rest);
    await lease.release();
    return found;
  });
}
