/** What trains, from the package; in the built site a file of its own, which comes when somebody improves a model. */
export { train } from '../beit-wasm/dist/index.js';
