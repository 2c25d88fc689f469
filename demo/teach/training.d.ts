export * from '../../web/training.js';
