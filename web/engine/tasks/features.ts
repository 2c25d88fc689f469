/** image-feature-extraction, and the features that Teacher learns from: from an image to what the encoder makes of it. */
import { normalized } from '../../base/vectors.js';
import type { EngineImage, ForwardCallOptions } from '../engine.js';
import { outputOf, PLAIN, type TaskContext } from './context.js';
import type { EngineTasks } from './types.js';

type Task = EngineTasks['image-feature-extraction'];

export async function extractFeatures(
  { engine, processor, model }: TaskContext,
  image: EngineImage,
  { output, normalize }: Task['settings'],
  call: ForwardCallOptions,
): Promise<Task['result']> {
  const { pixelValues } = await engine.preprocess(processor, [image], call);
  const numbered = typeof output === 'number';
  const outputs = await engine.forward(model, { pixelValues }, { ...PLAIN, outputHiddenStates: numbered }, call);
  const { dims, data } = outputOf(
    outputs,
    numbered ? `hidden_states.${output}` : output === 'pooled' ? 'pooler_output' : 'last_hidden_state',
  );
  const features = { dims: dims.slice(1), data };
  return normalize ? normalized(features) : features;
}

export async function poolStates(
  { engine, processor, model }: TaskContext,
  image: EngineImage,
  _: EngineTasks['pooled-states']['settings'],
  call: ForwardCallOptions,
): Promise<EngineTasks['pooled-states']['result']> {
  const { pixelValues } = await engine.preprocess(processor, [image], call);
  const outputs = await engine.forward(model, { pixelValues }, { ...PLAIN, outputPooledStates: true }, call);
  const { dims, data } = outputOf(outputs, 'pooled_states');
  return { dims: dims.slice(1), data };
}
