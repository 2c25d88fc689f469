// Suites of tests of one page of tests/browser/pages.
import { after, before } from 'node:test';
import { launch, openHarness } from './browsers.mjs';
import { startServer } from './server.mjs';

/**
 * Gives the suite that calls this a browser, a server with `settings` and the page `path`, by the name `hostname` if there is
 * one. Returns, from the first test on, what they are: { server, page, complaints }, and call(method, ...args).
 */
export function suiteWithHarness(name, path, { flags, hostname, ...settings } = {}) {
  let host;
  const suite = {
    call: (method, ...args) => suite.page.evaluate((wanted, given) => globalThis.harness[wanted](...given), method, args),
  };
  before(async () => {
    host = await launch(name, flags);
    suite.server = await startServer(settings);
    const address = new URL(path, suite.server.url);
    if (hostname) address.hostname = hostname;
    Object.assign(suite, await openHarness(host.browser, address.href));
  });
  after(async () => {
    await host?.close();
    await suite.server?.stop();
  });
  return suite;
}
