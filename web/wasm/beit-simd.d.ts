/** What Emscripten makes in dist/wasm. */
import type { CoreFactory } from '../core/factory.js';

declare const createCore: CoreFactory;
export default createCore;
