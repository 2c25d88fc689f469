export { runBatch } from './src/batch.js';
export { pictureNames } from './src/inputs.js';
export { openJob } from './src/job.js';
export { runSimilar } from './src/similar.js';

// What src/queue.js takes, its libraries, is large.
/** Takes shards of a queue. */
export const runWorker = async (...given) => (await import('./src/queue.js')).runWorker(...given);

/** Tells what is on a queue, stops it or lets it go on. */
export const controlQueue = async (...given) => (await import('./src/queue.js')).controlQueue(...given);
