/** The options that every command which makes a model shares. */
import type { CoreModelOptions, DType } from '../core/core.js';
import { oneOf, parser, type OptionSpec, type Parsed } from './arguments.js';

type MadeWith = Pick<CoreModelOptions, 'dtype' | 'layerNormEps' | 'relativePositionBiasResize'>;

const fraction = parser('a number from 0 to 1', (text) => {
  const value = /^\d*\.?\d+(e-?\d{1,3})?$/i.test(text) ? Number(text) : NaN;
  return value >= 0 && value <= 1 ? value : null;
});

/** For a class that is given by the command. */
export const WEIGHTS_OPTIONS: readonly OptionSpec[] = [
  { name: 'layer-norm-eps', value: 'X', help: "in place of the config's layer_norm_eps, 0 to 1 (unilm and timm: 1e-6)", parse: fraction },
];

export const BIAS_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'bias-resize',
    value: 'reference|timm|unilm',
    help: 'how relative position biases are resized for another image size (default: reference)',
    parse: oneOf(['reference', 'timm', 'unilm']),
  },
];

/** For any class. */
export const CLASS_OPTIONS: readonly OptionSpec[] = [
  { name: 'class', value: 'NAME', help: "the reference's class (default: config.json's architectures)" },
  { name: 'no-pooler', help: 'BeitModel without its pooling layer' },
];

/** Returns how a model is made, by the options among the above that the command has. */
export function madeWith(parsed: Parsed): MadeWith {
  return {
    dtype: parsed.value<DType>('dtype'),
    layerNormEps: parsed.value<number>('layer-norm-eps'),
    relativePositionBiasResize: parsed.value<'reference' | 'timm' | 'unilm'>('bias-resize'),
  };
}

/** Returns which model is to be made, by the options among the above that the command has. */
export function modelSpec(parsed: Parsed): MadeWith & { className: string; addPoolingLayer: boolean } {
  return { className: parsed.value<string>('class') ?? 'auto', addPoolingLayer: !parsed.flag('no-pooler'), ...madeWith(parsed) };
}
