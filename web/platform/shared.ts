/**
 * `#platform` in the package, where the library is there once for browsers and Node: a browser's, unless Node's entry has said
 * that it is another. It does so before a module that imports it runs.
 */
import { platform as browser } from './browser.js';
import type { Platform } from './platform.js';

export let platform: Platform = browser;

export function usePlatform(other: Platform): void {
  platform = other;
}
