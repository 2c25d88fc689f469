/** Commands that take several images: all are done, whatever becomes of one. */
import { BeitError, type ErrorCode } from '../base/errors.js';
import { complain, sentenceFor } from './complaints.js';
import { checkImage } from './pictures.js';

/** The exit status where an image failed. */
export const FAILED_STATUS = 1;

/** An image that failed, as --json has it. */
export interface FailedImage {
  image: string;
  error: { code: ErrorCode; message: string };
}

/**
 * Opens a model with `open`, calls `work` with each image in turn, and disposes of the model. An image that fails is told
 * on stderr, and the others are done all the same. Returns what work returned and a FailedImage for each other, in the
 * order of `images`. Rejects where the model cannot be opened, which it is not where no image is there, where it has not the
 * output that is asked for, and for a bug.
 */
export async function forEachImage<M extends { dispose(): Promise<void> }, T extends object>(
  images: readonly string[],
  open: () => Promise<M>,
  work: (model: M, image: string) => Promise<T>,
): Promise<{ entries: Array<T | FailedImage>; done: T[]; failed: FailedImage[] }> {
  const entries: Array<T | FailedImage> = [];
  const done: T[] = [];
  const failed: FailedImage[] = [];
  const model = images.some(isThere) ? await open() : null;
  try {
    for (const image of images) {
      try {
        checkImage(image);
        const result = await work(model!, image);
        done.push(result);
        entries.push(result);
      } catch (error) {
        // No image has the output that the model cannot give.
        if (!(error instanceof BeitError) || error.where === 'output') throw error;
        const message = sentenceFor(error);
        complain(message.includes(image) ? message : `${image}: ${message}`);
        const entry = { image, error: { code: error.code, message } };
        failed.push(entry);
        entries.push(entry);
      }
    }
  } finally {
    await model?.dispose();
  }
  return { entries, done, failed };
}

function isThere(image: string): boolean {
  try {
    checkImage(image);
    return true;
  } catch {
    return false;
  }
}
