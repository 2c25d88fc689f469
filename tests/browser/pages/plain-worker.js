import '../beit-wasm-samples/index.js';
import { pipeline } from '../beit-wasm/dist/index.js';
import { answer } from './classify-asked.js';

self.onmessage = ({ data }) => answer(pipeline, data, { worker: false });
postMessage('listening');
