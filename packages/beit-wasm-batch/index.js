export { runBatch } from './src/batch.js';
export { pictureNames } from './src/inputs.js';
export { openJob } from './src/job.js';

/** Takes shards of a queue; see src/queue.js, whose libraries are large. */
export const runWorker = async (...given) => (await import('./src/queue.js')).runWorker(...given);
