import { persistStorage, requireBrowserCache } from '../sources/cache/browser.js';
import { PLAIN_HTTP, type HttpEnvironment } from '../sources/http/source.js';

let asked = false;

/** Pages and workers: downloads are kept by the origin. */
export const browserHttp: HttpEnvironment = {
  ...PLAIN_HTTP,
  openCache: requireBrowserCache,
  persist: () => {
    // Only a page can ask, and Firefox would ask its user, which is the page's affair: cache.persist().
    if (asked || typeof document === 'undefined' || navigator.userAgent.includes('Firefox')) return;
    asked = true;
    void persistStorage();
  },
};
