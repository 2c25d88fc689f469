import { requireBrowserCache } from '../sources/cache/browser.js';
import { PLAIN_HTTP, type HttpEnvironment } from '../sources/http/source.js';

/** Pages and workers: downloads are kept by the origin. */
export const browserHttp: HttpEnvironment = { ...PLAIN_HTTP, openCache: requireBrowserCache };
