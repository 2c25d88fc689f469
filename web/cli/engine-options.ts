/** The options that every command which runs the core shares. */
import { createEngine } from '../api/engines.js';
import { DTYPES } from '../api/pretrained.js';
import { BUILDS, type Build } from '../core/capabilities.js';
import type { DType } from '../core/core.js';
import type { Engine } from '../engine/engine.js';
import { DEVICES, type Device } from '../engine/devices.js';
import { oneOf, wholeNumber, type OptionSpec, type Parsed } from './arguments.js';

export const ENGINE_OPTIONS: readonly OptionSpec[] = [
  { name: 'build', value: BUILDS.join('|'), help: 'the build of the core (default: by what this Node can do)', parse: oneOf(BUILDS) },
  { name: 'threads', value: 'N', help: 'threads, 1 to 64 (default: one per processor, at most 8)', parse: wholeNumber(64) },
  {
    name: 'dtype',
    value: DTYPES.join('|'),
    help: 'what models compute with (default: int8 for a checkpoint that is stored so, else f32)',
    parse: oneOf(DTYPES),
  },
  {
    name: 'device',
    value: DEVICES.join('|'),
    help: 'what models compute on; gpu and auto need the package webgpu (default: cpu)',
    parse: oneOf(DEVICES),
  },
];

/** Calls `use` with an engine as the options say, and disposes of it. */
export async function withEngine<T>(parsed: Parsed, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine(engineOptions(parsed));
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

export function engineOptions(parsed: Parsed): {
  worker: false;
  build: Build | undefined;
  threads: number | undefined;
  dtype: DType | undefined;
  device: Device | undefined;
} {
  // A command has nothing to do beside its engine.
  return {
    worker: false,
    build: parsed.value<Build>('build'),
    threads: parsed.value<number>('threads'),
    dtype: parsed.value<DType>('dtype'),
    device: parsed.value<Device>('device'),
  };
}
