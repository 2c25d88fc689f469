/** Results of many images, one by one. */
import { asBeitError, type BeitError, kindOf, mismatch, shown } from '../../base/errors.js';
import { givenOptions } from '../../base/options.js';
import { abortable, following } from '../../base/scheduling.js';
import type { CallOptions } from '../../engine/engine.js';
import type { ImageInput } from '../images.js';

/** What stream() reads images from. */
export type Images = Iterable<ImageInput> | AsyncIterable<ImageInput> | ArrayLike<ImageInput>;

export interface StreamOptions {
  /** How many images are read ahead while one is worked on, 0 to 16. Default: 1 */
  prefetch?: number | undefined;
  /**
   * yield: an image that fails has its BeitError in place of a result, and the next follow. What is iterated ends the stream where it fails
   * itself. Default: throw
   */
  onError?: 'throw' | 'yield' | undefined;
}

/** One answer of a pool's results(). */
export type PooledResult<Result> = { index: number; image: ImageInput } & (
  | { result: Result; error: null }
  | { result: null; error: BeitError }
);

const MAX_PREFETCH = 16;

/** Of an image; `ends` where none came, since what is iterated has failed. */
type Outcome = { result: unknown } | { error: unknown; ends: boolean } | null;

/** Yields what `run` makes of each image, in their order, `ahead` of them begun ahead where the options name no number; see Pipeline.stream(). */
export async function* streamed<Options extends CallOptions & StreamOptions>(
  images: Images,
  given: Options,
  run: (image: ImageInput, options: CallOptions) => Promise<unknown>,
  ahead = 1,
): AsyncGenerator<never, void, undefined> {
  const { prefetch = ahead, onError = 'throw', signal, ...options } = givenOptions(given);
  checkPrefetch(prefetch, ahead);
  if (onError !== 'throw' && onError !== 'yield') throw mismatch('invalid-argument', 'onError', shown(onError), '"throw" or "yield"');
  const iterator = iteratorOf(images);
  const { controller, stop } = following(signal);
  // Unlike a for-await loop, this asks for the next before the last has come; generators and streams queue that.
  const begin = async (): Promise<Outcome> => {
    let ends = true;
    try {
      const { done, value } = await iterator.next();
      if (done) return null;
      ends = false;
      return { result: await run(value, { ...options, signal: controller.signal }) };
    } catch (error) {
      return { error, ends };
    }
  };
  const begun = Array.from({ length: prefetch + 1 }, begin);
  try {
    while (true) {
      const outcome = await abortable(begun.shift()!, controller.signal, () => undefined);
      if (!outcome) return;
      if ('error' in outcome && (outcome.ends || onError === 'throw' || controller.signal.aborted)) throw outcome.error;
      begun.push(begin());
      yield ('error' in outcome ? asBeitError(outcome.error) : outcome.result) as never;
    }
  } finally {
    stop();
    controller.abort(new DOMException('The stream was left.', 'AbortError'));
    // Not waited for: a generator that waits for an image would answer after that.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Yields what `run` makes of each image as it comes; see PooledPipeline.results(). */
export async function* asTheyCome<Options extends CallOptions & StreamOptions>(
  images: Images,
  given: Options,
  run: (image: ImageInput, options: CallOptions) => Promise<unknown>,
  ahead: number,
): AsyncGenerator<PooledResult<never>, void, undefined> {
  const { prefetch = ahead, signal, ...options } = givenOptions(given);
  checkPrefetch(prefetch, ahead);
  const iterator = iteratorOf(images);
  const { controller, stop } = following(signal);
  let asked = 0;
  let taken = 0;
  const begun = new Map<number, Promise<{ place: number; answer: PooledResult<never> | null }>>();
  const begin = async (place: number): Promise<{ place: number; answer: PooledResult<never> | null }> => {
    const { done, value } = await iterator.next();
    if (done) return { place, answer: null };
    const facts = { index: taken++, image: value as ImageInput };
    try {
      const result = (await run(facts.image, { ...options, signal: controller.signal })) as never;
      return { place, answer: { ...facts, result, error: null } };
    } catch (error) {
      if (controller.signal.aborted) throw error;
      return { place, answer: { ...facts, result: null, error: asBeitError(error) } };
    }
  };
  const next = (): void => {
    const beginning = begin(asked);
    beginning.catch(() => undefined); // the race below may have ended
    begun.set(asked++, beginning);
  };
  try {
    while (begun.size <= prefetch) next();
    while (begun.size > 0) {
      const { place, answer } = await abortable(Promise.race(begun.values()), controller.signal, () => undefined);
      begun.delete(place);
      if (!answer) continue;
      next();
      yield answer;
    }
  } finally {
    stop();
    controller.abort(new DOMException('The stream was left.', 'AbortError'));
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function checkPrefetch(prefetch: number, ahead: number): void {
  const limit = Math.max(ahead, MAX_PREFETCH);
  if (!Number.isInteger(prefetch) || prefetch < 0 || prefetch > limit)
    throw mismatch('invalid-argument', 'prefetch', kindOf(prefetch), `an integer from 0 to ${limit}`);
}

function iteratorOf(images: Images): Iterator<ImageInput> | AsyncIterator<ImageInput> {
  const given = images as Partial<AsyncIterable<ImageInput> & Iterable<ImageInput> & ArrayLike<ImageInput>> | null | undefined;
  if (typeof given === 'object' && given !== null) {
    if (given[Symbol.asyncIterator]) return given[Symbol.asyncIterator]!();
    if (given[Symbol.iterator]) return given[Symbol.iterator]!();
    if (typeof given.length === 'number') return Array.from(given as ArrayLike<ImageInput>)[Symbol.iterator]();
  }
  throw mismatch('invalid-argument', 'images', typeof images, 'a list, a FileList, or what can be iterated');
}
