// The demo as a site: which address comes from which folder of the project. Served as it stands by
// serve.mjs, copied by build-site.mjs.
import { join } from 'node:path';
import { root } from './places.mjs';

/** [address, folder], looked through in this order. Addresses end with a slash or are empty. */
export const SITE = [
  ['beit-wasm/dist/', join(root, 'dist')],
  ['beit-wasm/weights/classifier/', join(root, 'weights', 'classifier')],
  ['', join(root, 'demo')],
];

/**
 * What a page and its workers may do, as a Content-Security-Policy: the library needs nothing beyond
 * this. blob: and data: are images that a person has chosen.
 */
export const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
  + "img-src 'self' blob: data:; style-src 'self'";

/** Headers that make a page cross-origin isolated, which SharedArrayBuffer, and so threads, ask for. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
