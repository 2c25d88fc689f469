/** The module `teaching` (bindings/teaching_module.cpp): a linear head on features in closed form (src/teaching/ridge.h). */
import { asBytes } from '../base/bytes.js';
import { failure, packError, type Outcome } from '../base/errors.js';
import { errorAt, inInstance, type PlainExports } from './plain-module.js';

/** Features with what they show. Plain data. */
export interface TeachingExamples {
  /** One row of `channels` numbers for each label. */
  features: Float32Array;
  /** From 0 to classes - 1. */
  labels: Int32Array;
  /** Examples of one number are left out together. */
  bursts: Int32Array;
  channels: number;
  classes: number;
  /** How much each counts, above 0. Default: all alike */
  weights?: Float32Array | undefined;
}

/** Scores are weight . feature + bias; softmax(scores / temperature) are probabilities. */
export interface HeadFit {
  /** (classes, channels) */
  weight: Float64Array;
  bias: Float64Array;
  /** (examples, classes): of each example by a head that was fitted without its burst. */
  scores: Float64Array;
  temperature: number;
  /** Of the weights, as a share of the features' variance. */
  lambda: number;
  /** The mean negative log-likelihood of the labels by `scores`. */
  loss: number;
}

interface TeachingExports extends PlainExports {
  /** A pointer to the Answer of teaching_module.cpp. */
  fit(features: number, labels: number, bursts: number, weights: number, count: number, channels: number, classes: number): number;
}

const WHERE = 'Examples to fit a head to';

/** Returns the head, with memory of its own. */
export function fitHead(module: WebAssembly.Module, examples: TeachingExamples): Outcome<HeadFit> {
  return inInstance(module, { name: 'the module teaching', where: WHERE }, (teaching: TeachingExports) => fitIn(teaching, examples));
}

function fitIn(teaching: TeachingExports, { features, labels, bursts, weights, channels, classes }: TeachingExamples): Outcome<HeadFit> {
  const pointers: number[] = [];
  for (const array of weights ? [features, labels, bursts, weights] : [features, labels, bursts]) {
    const bytes = asBytes(array);
    const pointer = teaching.allocate(bytes.length) >>> 0;
    if (pointer === 0)
      return { ok: false, error: packError(failure('out-of-memory', WHERE, `no memory for ${bytes.length} bytes of them`)) };
    new Uint8Array(teaching.memory.buffer).set(bytes, pointer);
    pointers.push(pointer);
  }
  const [atFeatures = 0, atLabels = 0, atBursts = 0, atWeights = 0] = pointers;
  const answer = teaching.fit(atFeatures, atLabels, atBursts, atWeights, labels.length, channels, classes) >>> 0;
  const { buffer } = teaching.memory;
  const [lambda = 0, temperature = 0, loss = 0] = new Float64Array(buffer, answer, 3);
  const words = new Uint32Array(buffer, answer + 24, 14);
  const [ok = 0, weight = 0, bias = 0, scores = 0] = words;
  if (ok !== 0) {
    const numbers = (pointer: number, count: number): Float64Array => new Float64Array(buffer, pointer, count).slice();
    return {
      ok: true,
      value: {
        weight: numbers(weight, classes * channels),
        bias: numbers(bias, classes),
        scores: numbers(scores, labels.length * classes),
        temperature,
        lambda,
        loss,
      },
    };
  }
  return { ok: false, error: errorAt(teaching, words, 4) };
}
