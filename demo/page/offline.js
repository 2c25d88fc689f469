// @ts-check
/** Keeping the page for times without a network, by a service worker. */

/**
 * Registers the service worker, and tells it which large files this browser uses: the artefact and the
 * checkpoint, which it would not guess. Does nothing where there are no service workers, and for the
 * sources as they stand (no build of the site), which change under the hand.
 * @param {readonly string[]} used relative to the page
 */
export async function keepForOffline(used) {
  const built = document.querySelector('meta[name="site-version"]');
  if (!built || !('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI));
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ keep: used });
}

/**
 * Returns the two files of a build.
 * @param {string} prefix of their names
 * @param {string} build
 */
export function filesOf(prefix, build) {
  return [`${prefix}-${build === 'simd' ? build : 'threads'}.js`, `${prefix}-${build}.wasm`];
}
