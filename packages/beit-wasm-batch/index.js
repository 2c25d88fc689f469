export { runBatch } from './src/batch.js';
export { pictureNames } from './src/inputs.js';
export { openJob } from './src/job.js';
