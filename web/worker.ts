/** `beit-wasm/worker`: the worker for tools that make one in a way of their own, whatever its name. */
import { runWorker } from './engine.js';

runWorker();
