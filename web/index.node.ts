/** The package's entry for Node: the library that browsers have, on Node's platform. Modules that are not bundled have node.ts. */
import { platform } from './platform/node.js';
import { usePlatform } from './platform/shared.js';

usePlatform(platform);

export * from './library.js';
export * from './teaching.js';
export * from './training.js';
