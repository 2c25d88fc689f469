// @ts-check
/** How models are run: device, build, threads, number type. */
import { BUILDS, runtimeInfo } from '../library.js';
import { make, part } from '../page/dom.js';

/** @import { Build, ModelOptions } from '../library.js' */
/** @import { Settings } from '../page/settings.js' */

/** Number types that the library can compute with; auto: as the weights are stored. */
const DTYPES = ['auto', 'f32', 'int8'];

const DEVICES = ['cpu', 'auto', 'gpu'];

const MOST_THREADS = 16;

/**
 * Returns whether this browser can run a build with so many threads.
 * @param {Build} build
 * @param {number | 'auto'} threads
 * @param {Settings} settings
 */
export function canRun(build, threads, settings) {
  try {
    runtimeInfo({ ...settings.options, build, threads });
    return true;
  } catch {
    return false;
  }
}

/**
 * Wires the choices to the settings. Only what this browser can do is offered.
 * @param {HTMLElement} root the Models panel
 * @param {Settings} settings
 */
export function offerSettings(root, settings) {
  const build = part(root, 'set-build', HTMLSelectElement);
  const threads = part(root, 'set-threads', HTMLSelectElement);
  const dtype = part(root, 'set-dtype', HTMLSelectElement);
  const device = part(root, 'set-device', HTMLSelectElement);
  const fill = (
    /** @type {HTMLSelectElement} */ select,
    /** @type {readonly (string | number)[]} */ values,
    /** @type {unknown} */ chosen,
  ) => {
    select.replaceChildren(...values.map((value) => make('option', { value: String(value), textContent: String(value) })));
    select.value = String(chosen ?? values[0]);
  };
  const offerThreads = () => {
    const chosen = /** @type {Build | 'auto'} */ (build.value);
    const most = Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS);
    const counts = Array.from({ length: most }, (_, i) => i + 1);
    fill(
      threads,
      ['auto', ...counts.filter((n) => BUILDS.some((name) => (chosen === 'auto' || chosen === name) && canRun(name, n, settings)))],
      'auto',
    );
  };
  fill(build, ['auto', ...BUILDS.filter((name) => canRun(name, 'auto', settings))], settings.options.build);
  offerThreads();
  threads.value = String(settings.options.threads ?? 'auto');
  fill(dtype, DTYPES, settings.options.dtype);
  fill(device, DEVICES, settings.options.device);
  build.addEventListener('change', () => {
    offerThreads();
    settings.change({ build: /** @type {Build | 'auto'} */ (build.value), threads: 'auto' });
  });
  device.addEventListener('change', () => settings.change({ device: /** @type {ModelOptions['device']} */ (device.value) }));
  threads.addEventListener('change', () => settings.change({ threads: threads.value === 'auto' ? 'auto' : Number(threads.value) }));
  dtype.addEventListener('change', () =>
    settings.change({ dtype: dtype.value === 'auto' ? undefined : /** @type {ModelOptions['dtype']} */ (dtype.value) }),
  );
}
