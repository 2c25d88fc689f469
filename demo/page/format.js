// @ts-check
/** Numbers as people read them, in the page's language. */

const LOCALE = 'en';

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (share > 0 && share < 0.001) return '< 0.1 %';
  return `${(share * 100).toLocaleString(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} %`;
}

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(Math.round(milliseconds), 1)} ms`;
  return `${(milliseconds / 1000).toLocaleString(LOCALE, { maximumFractionDigits: milliseconds < 10000 ? 2 : 1 })} s`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  const value = bytes / 1e6;
  return `${value.toLocaleString(LOCALE, { maximumFractionDigits: value < 100 ? 1 : 0 })} MB`;
}
