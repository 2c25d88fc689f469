// @ts-check
/**
 * How the model is run, from the page's address: ?build=simd&threads=1&worker=false. What the
 * library does not accept, it says itself.
 */
/** @import { ModelOptions } from './library.js' */

/**
 * @param {string} search as location.search has it
 * @returns {Pick<ModelOptions, 'build' | 'threads' | 'worker'>}
 */
export function readSettings(search) {
  const given = new URLSearchParams(search);
  const build = given.get('build');
  const threads = given.get('threads');
  const worker = given.get('worker');
  return {
    ...(build !== null && { build: /** @type {ModelOptions['build']} */ (build) }),
    ...(threads !== null && { threads: threads === 'auto' ? threads : Number(threads) }),
    ...(worker !== null && { worker: worker !== 'false' }),
  };
}
