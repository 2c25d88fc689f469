/**
 * The builds that train are a package of their own, beit-wasm-training, which tells where they lie when it is imported: by the global
 * symbol, so that neither package has to find the other.
 */
import { ofEachBuild, type Build } from '../core/capabilities.js';
import type { ArtefactFiles } from '../core/core.js';

const REGISTRY = Symbol.for('beit-wasm-training');

/** Returns the addresses of each build, or undefined where the package has not been imported. `absolute`: what makes an address of a URL. */
export function findTraining(absolute: (url: URL) => string): Record<Build, ArtefactFiles> | undefined {
  const builds = (globalThis as { [REGISTRY]?: Record<Build, { script(): URL; wasm(): URL }> })[REGISTRY];
  return builds && ofEachBuild((build) => ({ script: absolute(builds[build].script()), wasm: absolute(builds[build].wasm()) }));
}
