export * from '../web/index.js';
