import 'beit-wasm-samples';
import * as library from 'beit-wasm/service-worker';
import { answer } from './answer.js';

addEventListener('message', ({ ports: [port] }) => {
  answer(library).then((result) => port.postMessage(result));
});
