/** What a classification at the config's image size does without: a file of its own, fetched when it is needed. */
export { makeEnd } from './ends.js';
export { resizeBiasTable, resizeGrid } from './grid-resize.js';
export { labelPixels } from './label-map.js';
export { packRows } from './pack-rows.js';
export { moreChecks } from './more-checks.js';
