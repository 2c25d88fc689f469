export * from '../../web/teaching.js';
