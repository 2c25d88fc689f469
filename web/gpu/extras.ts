/** What a classification at the config's image size does without: a file of its own, fetched when it is needed. */
export { makeEnd } from './ends.js';
export { resizeBiasTable, resizeGrid } from './grid-resize.js';
export { labelPixels } from './label-map.js';
export { recorderOf } from './recorder.js';
export { packings } from './packings.js';
export { moreChecks } from './more-checks.js';
