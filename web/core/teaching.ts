/**
 * The module `teaching` (bindings/teaching_module.cpp): a linear head on features in closed form (src/teaching/ridge.h). As that of
 * codecs it has no JavaScript of its own, and each fit gets an instance, whose memory goes with it.
 */
import { failure, packError, sentenceOf, type ErrorCode, type Outcome } from '../base/errors.js';

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

interface TeachingExports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  /** Room for an argument; 0 where there is no memory. */
  allocate(bytes: number): number;
  /** A pointer to the Answer of teaching_module.cpp. */
  fit(features: number, labels: number, bursts: number, count: number, channels: number, classes: number): number;
}

const WHERE = 'Examples to fit a head to';

/** Returns the head, with memory of its own. */
export function fitHead(module: WebAssembly.Module, examples: TeachingExamples): Outcome<HeadFit> {
  try {
    const instance = new WebAssembly.Instance(module, { env: { emscripten_notify_memory_growth: () => undefined } });
    return fitIn(instance.exports as unknown as TeachingExports, examples);
  } catch (error) {
    const memoryIsOut = error instanceof RangeError;
    return {
      ok: false,
      error: packError(
        failure(memoryIsOut ? 'out-of-memory' : 'internal', WHERE, `the module teaching stopped (${sentenceOf(error)})`, error),
      ),
    };
  }
}

function fitIn(teaching: TeachingExports, { features, labels, bursts, channels, classes }: TeachingExamples): Outcome<HeadFit> {
  teaching._initialize();
  const pointers: number[] = [];
  for (const { buffer, byteOffset, byteLength } of [features, labels, bursts]) {
    const pointer = teaching.allocate(byteLength) >>> 0;
    if (pointer === 0) return { ok: false, error: packError(failure('out-of-memory', WHERE, `no memory for ${byteLength} bytes of them`)) };
    new Uint8Array(teaching.memory.buffer).set(new Uint8Array(buffer, byteOffset, byteLength), pointer);
    pointers.push(pointer);
  }
  const [atFeatures = 0, atLabels = 0, atBursts = 0] = pointers;
  const answer = teaching.fit(atFeatures, atLabels, atBursts, labels.length, channels, classes) >>> 0;
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
  const text = (index: number): string => new TextDecoder().decode(new Uint8Array(buffer, words[index], words[index + 1]!).slice());
  return { ok: false, error: { code: text(4) as ErrorCode, message: text(6), where: text(8), got: text(10), expected: text(12) } };
}
