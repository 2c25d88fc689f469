/** What Emscripten makes in dist/wasm. */
import type { CoreFactory } from '../core/core.js';

declare const createCore: CoreFactory;
export default createCore;
