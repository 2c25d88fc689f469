// Chromium, Firefox and WebKit as Debian has them, headless, and pages that note all they complain about.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { root } from './server.mjs';
import { launchWebKit, miniBrowser } from './webkit.mjs';

// Long enough for a machine that builds at the same time; what works takes a second.
const PATIENCE_MS = 60000;
const SCREENSHOTS = join(root, 'build', 'screenshots');

const CHROMIUM_FLAGS = [
  '--no-sandbox', // the sandbox does not run as root, and what is tested is our own
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync', // nothing but the tests' server
];

export const BROWSERS = {
  chromium: { names: ['BEIT_CHROMIUM', '/usr/bin/chromium'], options: { browser: 'chrome', args: CHROMIUM_FLAGS } },
  firefox: {
    names: ['BEIT_FIREFOX', '/usr/bin/firefox-esr', '/usr/bin/firefox'],
    options: { browser: 'firefox', extraPrefsFirefox: { 'app.update.enabled': false, 'browser.shell.checkDefaultBrowser': false } },
  },
};

/** Those in which what an engine does otherwise is tried: what BROWSERS has, and WebKit. */
export const ENGINES = [...Object.keys(BROWSERS), 'webkit'];

/**
 * Starts a browser with a profile of its own, which close() takes away; Chromium with `flags` and the folders of `extensions` besides, Firefox
 * with `prefs`; in an environment with `variables` besides.
 */
export async function launch(name, flags = [], prefs = {}, extensions = [], variables = {}) {
  if (name === 'webkit') {
    const binary = process.env.BEIT_WEBKIT ?? miniBrowser();
    if (!binary)
      throw new Error("There is no WebKit: install Debian's packages webkit2gtk-driver and xvfb, or set BEIT_WEBKIT to its MiniBrowser.");
    return launchWebKit(binary, PATIENCE_MS);
  }
  const {
    names: [variable, ...paths],
    options,
  } = BROWSERS[name];
  const executablePath = process.env[variable] ?? paths.find((path) => existsSync(path));
  if (!executablePath) throw new Error(`There is no ${name} at ${paths.join(' or ')}: install Debian's package, or set ${variable}.`);
  const profile = mkdtempSync(join(tmpdir(), `beit-${name}-`));
  const browser = await puppeteer.launch({
    ...options,
    ...(flags.length > 0 && { args: [...options.args, ...flags] }),
    ...(options.extraPrefsFirefox && { extraPrefsFirefox: { ...options.extraPrefsFirefox, ...prefs } }),
    ...(extensions.length > 0 && { enableExtensions: extensions, pipe: true }),
    executablePath,
    headless: true,
    env: { ...process.env, ...variables },
    userDataDir: profile,
    timeout: PATIENCE_MS,
  });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Opens a page that notes its complaints: errors on the console, errors that nothing caught, and
 * violations of the policy. Returns the page and that list.
 */
export async function openPage(browser, url, { width = 1200, height = 900, dark = false } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error instanceof Error ? error.message : error}`));
  await page.setViewport({ width, height });
  if (dark) await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  await page.evaluateOnNewDocument(() => {
    globalThis.policyViolations = [];
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      globalThis.policyViolations.push(`${violatedDirective}: ${blockedURI}`);
    });
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, complaints };
}

/** As openPage(), of a page of tests/browser/pages: waits until it hands out, as globalThis.harness, what it can do. */
export async function openHarness(browser, url) {
  const opened = await openPage(browser, url);
  try {
    await harnessIn(opened.page);
  } catch (error) {
    await opened.page.close();
    throw error;
  }
  return opened;
}

/** Waits until such a page, which may be loaded anew, is ready. */
export const harnessIn = (page) => page.waitForFunction(() => globalThis.harness !== undefined);

/** Keeps a picture of the whole page in build/screenshots. */
export async function screenshot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
