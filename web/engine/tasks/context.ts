/** What every task has to do with. */
import { BeitError } from '../../base/errors.js';
import type { Size, Tensor } from '../../base/tensors.js';
import type { ConfigFields, Engine, ForwardCallOptions, ForwardInputs, ForwardSwitches, SegmentationMap } from '../engine.js';
import type { TaskParts } from './types.js';

/** An engine in this thread. */
export interface TaskEngine extends Engine {
  /** Segments one image where its logits need not leave a GPU, for them to be `size` (null: as they are). Null where they are the processor's. */
  labelOnGpu(
    model: number,
    inputs: ForwardInputs,
    wanted: { size: Size | null; scores: boolean },
    call: ForwardCallOptions,
  ): Promise<Pick<SegmentationMap, 'height' | 'width' | 'labels' | 'scores'> | null>;
}

/** The engine that the task runs in, and what it runs on there. */
export interface TaskContext extends TaskParts {
  engine: TaskEngine;
  /** The model's. */
  config: ConfigFields;
  processorConfig: ConfigFields;
}

/** A pass that gives what it is for, and nothing besides. */
export const PLAIN: ForwardSwitches = { outputHiddenStates: false, outputAttentions: false, interpolatePosEncoding: true };

/** Returns the output of that name, which the model always gives. */
export function outputOf(outputs: Record<string, Tensor>, name: string): Tensor {
  const tensor = outputs[name];
  if (!tensor) throw new BeitError('internal', `The model gave no output ${name}.`, { where: name });
  return tensor;
}
