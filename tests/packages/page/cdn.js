import { answer } from './answer.js';

const from = new URL(new URLSearchParams(location.search).get('from'));
globalThis.answered = import(new URL('beit-wasm-samples/index.js', from))
  .then(() => import(new URL('beit-wasm/dist/index.js', from)))
  .then(answer);
