import '../beit-wasm-samples/index.js';
import { pipeline } from '../beit-wasm/dist/service-worker.js';
import { answer } from './classify-asked.js';

addEventListener('install', () => skipWaiting());
addEventListener('message', (event) => {
  event.data.port.postMessage({ heard: true });
  event.waitUntil(answer(pipeline, event.data));
});
