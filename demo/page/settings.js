// @ts-check
/**
 * How models are run. Begins with the page's address: ?build=simd&threads=1&worker=false&device=auto; the Models tab
 * changes it. What the library does not accept, it says itself.
 */
/** @import { ModelOptions } from '../library.js' */

/** Sends the event `change` when models are to be run otherwise. */
export class Settings extends EventTarget {
  /** @type {Pick<ModelOptions, 'build' | 'threads' | 'worker' | 'dtype' | 'device'>} */
  options;

  /** @param {string} search as location.search has it */
  constructor(search) {
    super();
    this.options = readSettings(search);
  }

  /** @param {Settings['options']} changed */
  change(changed) {
    this.options = { ...this.options, ...changed };
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * @param {string} search
 * @returns {Settings['options']}
 */
function readSettings(search) {
  const given = new URLSearchParams(search);
  const build = given.get('build');
  const threads = given.get('threads');
  const worker = given.get('worker');
  const dtype = given.get('dtype');
  const device = given.get('device');
  return {
    ...(build !== null && { build: /** @type {ModelOptions['build']} */ (build) }),
    ...(threads !== null && { threads: threads === 'auto' ? threads : Number(threads) }),
    ...(worker !== null && { worker: worker !== 'false' }),
    ...(dtype !== null && { dtype: /** @type {ModelOptions['dtype']} */ (dtype) }),
    ...(device !== null && { device: /** @type {ModelOptions['device']} */ (device) }),
  };
}
