/** What models compute on, by name. */
import type { FromGlobal } from '../base/globals.js';

/** What computes: `auto` takes the GPU for models and GPUs that gain by it. */
export const DEVICES = ['auto', 'cpu', 'gpu'] as const;
export type Device = (typeof DEVICES)[number];

/** What a model computes on, and why. Plain data. */
export interface DeviceChoice {
  device: 'cpu' | 'gpu';
  /** A sentence or two. */
  deviceReason: string;
}

/** Where the modules are: the one that is always needed, what more most models need not, and that of tokenizers. */
export interface GpuAddresses {
  main: string;
  extras: string;
  tokenizer: string;
}

export type OwnDevice = FromGlobal<'GPUDevice'>;

/** Returns what an engine says before it has a model. */
export function deviceOf(device: Device, own: boolean): DeviceChoice {
  if (own || device === 'gpu')
    return { device: 'cpu', deviceReason: 'A GPU was asked for, and takes each model that it can run, when that is loaded.' };
  if (device === 'auto') return { device: 'cpu', deviceReason: 'Processor or GPU is decided for each model when it is loaded.' };
  return { device: 'cpu', deviceReason: 'The processor, because no GPU was asked for.' };
}
