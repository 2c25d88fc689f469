/** beit-wasm for Node: the same names as index.ts, with paths as sources and as images. */
import { nodePlatform } from './platform/node.js';
import { setPlatform } from './platform/platform.js';

setPlatform(nodePlatform);

export * from './library.js';
