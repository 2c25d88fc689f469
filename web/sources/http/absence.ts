/** That a server does not have a file, as a text that is kept: for the next load, which may have no network. */
import { BeitError, type CoreError, packError } from '../../base/errors.js';

/** Returns the note of an error that counts a file as missing. */
export function absenceOf(error: BeitError): string {
  return JSON.stringify(packError(error));
}

/** Returns the error of a note; null for what is none. */
export function rememberedAbsence(note: string | null): BeitError | null {
  if (note === null) return null;
  try {
    const error = JSON.parse(note) as CoreError;
    return typeof error.code === 'string' && typeof error.message === 'string' ? new BeitError(error.code, error.message, error) : null;
  } catch {
    return null;
  }
}
