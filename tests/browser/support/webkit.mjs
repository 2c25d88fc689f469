// WebKit as Debian has it, on a screen of memory, by its WebDriver. Pages have what the tests use of puppeteer's.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const LIBRARIES = '/usr/lib';
const POLL_MS = 10;
const MOST_POLL_MS = 50;
const REST_MS = 1000;

/** What WebKitGTK needs to run without a graphics card, as root, and to be the engine that Safari is. */
const ENVIRONMENT = {
  WEBKIT_DISABLE_COMPOSITING_MODE: '1',
  WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', // bubblewrap makes no namespaces as root in a container, and what is tested is our own
  LIBGL_ALWAYS_SOFTWARE: '1',
  JSC_useSharedArrayBuffer: '1', // Safari has it where a page is isolated, WebKitGTK only so
  // On x86-64 under Linux, changing a running function's code now and then stops it ("Out of bounds memory access" of sound code,
  // https://bugs.webkit.org/show_bug.cgi?id=289009): functions are changed between calls only.
  JSC_useWasmOSR: '0',
};

/**
 * What Safari has since 16.4 and WebKitGTK keeps switched off. StorageAPIEstimate and FileSystemWritableStream stay off: Safari has
 * them since 17 and 26, and what is done without them is tried here.
 */
const FEATURES = ['StorageAPI', 'FileSystem', 'AccessHandle'];

/** Returns the path of WebKitGTK's small browser; undefined where there is none. */
export function miniBrowser() {
  const folders = existsSync(LIBRARIES) ? readdirSync(LIBRARIES) : [];
  return folders.map((folder) => join(LIBRARIES, folder, 'webkit2gtk-4.1', 'MiniBrowser')).find((path) => existsSync(path));
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Starts WebKit: { browser, close }. */
export async function launchWebKit(binary, patience) {
  const processes = [];
  const start = (program, args, options) => {
    const child = spawn(program, args, options);
    processes.push(child);
    return new Promise((resolve, reject) => {
      const refuse = ({ message }) => reject(new Error(`${message}: install Debian's packages webkit2gtk-driver and xvfb.`));
      child.once('spawn', () => resolve(child)).once('error', refuse);
    });
  };
  const killAll = () => processes.forEach((child) => child.kill());
  process.once('exit', killAll); // a test that fails for good leaves none behind
  const end = async () => {
    process.off('exit', killAll);
    for (const child of processes.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await Promise.race([ended, pause(2000).then(() => child.kill('SIGKILL'))]);
    }
  };
  try {
    const xvfb = await start('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1000x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const display = await new Promise((resolve, reject) => {
      xvfb.stdio[3].once('data', (bytes) => resolve(`:${String(bytes).trim()}`));
      xvfb.once('exit', () => reject(new Error('Xvfb did not start.')));
    });
    const port = await freePort();
    await start('WebKitWebDriver', [`--port=${port}`], { env: { ...process.env, ...ENVIRONMENT, DISPLAY: display }, stdio: 'ignore' });
    const browser = await WebKitBrowser.open(`http://127.0.0.1:${port}`, binary, patience);
    return {
      browser,
      async close() {
        await browser.close().catch(() => undefined);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class WebKitBrowser {
  /** The window that the driver's next command is for. */
  #current = '';
  /** Commands go one by one, since each is for the window that was chosen before. */
  #last = Promise.resolve();
  #version;
  /** Stays open: the driver's session ends with its last window, and a new one is asked for in another. */
  #first;

  constructor(address, session, patience) {
    this.address = `${address}/session/${session.sessionId}`;
    this.patience = patience;
    this.#version = session.capabilities.browserVersion;
  }

  async version() {
    return `WebKitGTK/${this.#version}`;
  }

  static async open(address, binary, patience) {
    const capabilities = {
      alwaysMatch: {
        'webkitgtk:browserOptions': { binary, args: ['--automation', `--features=${FEATURES.map((name) => `+${name}`).join(',')}`] },
      },
    };
    const end = Date.now() + patience;
    for (;;) {
      try {
        const browser = new WebKitBrowser(address, await request('POST', `${address}/session`, { capabilities }), patience);
        browser.#first = await browser.command('GET', '/window');
        await browser.command('POST', '/timeouts', { script: patience, pageLoad: patience });
        return browser;
      } catch (error) {
        // The driver listens a moment after it began.
        if (error.cause?.code !== 'ECONNREFUSED' || Date.now() > end) throw error;
        await pause(POLL_MS);
      }
    }
  }

  command(method, path, body) {
    return request(method, this.address + path, body);
  }

  /** Sends a command for one window. */
  inWindow(handle, method, path, body) {
    const answer = this.#last.then(async () => {
      if (this.#current !== handle) await this.command('POST', '/window', { handle });
      this.#current = handle;
      return this.command(method, path, body);
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async newPage() {
    const { handle } = await this.inWindow(this.#first, 'POST', '/window/new', { type: 'window' });
    return new WebKitPage(this, handle);
  }

  async close() {
    await this.#last;
    await this.command('DELETE', '');
  }
}

async function request(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(method === 'POST' && { body: JSON.stringify(body ?? {}) }),
  });
  const { value } = await answer.json();
  if (!answer.ok)
    throw Object.assign(new Error(`${method} ${new URL(url).pathname}: ${value?.message || value?.error}`), { code: value?.error });
  return value;
}

class WebKitPage {
  #calls = 0;
  #closed = false;
  #listeners = { console: [], pageerror: [] };

  constructor(browser, handle) {
    this.browser = browser;
    this.handle = handle;
    this.early = [];
  }

  on(event, listener) {
    this.#listeners[event].push(listener);
  }

  setDefaultTimeout() {}

  async setViewport({ width, height }) {
    await this.#command('POST', '/window/rect', { width, height });
  }

  /** What is to run before a page's own scripts runs once it has loaded: WebDriver knows no earlier time. */
  async evaluateOnNewDocument(work) {
    this.early.push(`(${work})();`);
  }

  #command(method, path, body) {
    return this.browser.inWindow(this.handle, method, path, body);
  }

  #run(script) {
    return this.#command('POST', '/execute/sync', { script, args: [] });
  }

  async goto(url) {
    await this.#command('POST', '/url', { url });
    await this.#loaded();
  }

  async reload() {
    await this.#command('POST', '/refresh');
    await this.#loaded();
  }

  async #loaded() {
    await this.#run(`(${listen})(); ${this.early.join('\n')}`);
  }

  async url() {
    return this.#command('GET', '/url');
  }

  async evaluate(work, ...args) {
    return this.#evaluate(String(work), args);
  }

  async $eval(selector, work, ...args) {
    return this.#evaluate(
      `(selector, ...args) => {
        const element = document.querySelector(selector);
        if (!element) throw new Error('There is no ' + selector);
        return (${work})(element, ...args);
      }`,
      [selector, ...args],
    );
  }

  async $$eval(selector, work, ...args) {
    return this.#evaluate(`(selector, ...args) => (${work})([...document.querySelectorAll(selector)], ...args)`, [selector, ...args]);
  }

  /** A call is begun by one command and asked about by others, so that other windows have their turn meanwhile. */
  async #evaluate(source, args) {
    const id = `call${++this.#calls}`;
    const given = JSON.stringify(args).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
    await this.#run(`
      (${listen})();
      const calls = globalThis.webdriverCalls;
      calls.${id} = null;
      Promise.resolve().then(() => (${source})(...${given})).then(
        (value) => { calls.${id} = { value: JSON.stringify(value) }; },
        (error) => { calls.${id} = { error: error instanceof Error ? error.name + ': ' + error.message : String(error) }; },
      );`);
    for (let wait = POLL_MS; ; wait = Math.min(wait * 1.5, MOST_POLL_MS)) {
      const state = await this.#run(`
        const answer = globalThis.webdriverCalls?.${id};
        if (answer) delete globalThis.webdriverCalls.${id};
        return { answer, gone: answer === undefined, complaints: globalThis.webdriverComplaints?.splice(0) ?? [] };`);
      for (const text of state.complaints) this.#complain(text);
      if (state.gone) throw new Error('The page went away while it was called.');
      if (state.answer?.error !== undefined) throw new Error(state.answer.error);
      if (state.answer) return state.answer.value === undefined ? undefined : JSON.parse(state.answer.value);
      await pause(wait);
    }
  }

  #complain({ kind, text }) {
    const told = kind === 'console' ? { type: () => 'error', text: () => text } : new Error(text);
    for (const listener of this.#listeners[kind]) listener(told);
  }

  async waitForFunction(work, { polling = MOST_POLL_MS } = {}, ...args) {
    const end = Date.now() + this.browser.patience;
    for (;;) {
      // A page may be loaded anew in the meantime.
      const value = await this.evaluate(work, ...args).catch((error) => {
        if (Date.now() > end) throw error;
      });
      if (value) return { jsonValue: async () => value };
      if (Date.now() > end) throw new Error(`Waiting for ${work} took longer than ${this.browser.patience} ms.`);
      await pause(polling);
    }
  }

  locator(selector) {
    return {
      click: async () => {
        await this.waitForFunction(
          (wanted) => {
            const element = document.querySelector(wanted);
            return Boolean(element) && element.checkVisibility() && !element.matches(':disabled');
          },
          {},
          selector,
        );
        await this.$eval(selector, (element) => element.click());
      },
    };
  }

  /** The driver waits until the page is drawn once more, which one that is at rest now and then is not: so it is made to, until the picture is there. */
  async screenshot({ path }) {
    const taken = this.#command('GET', '/screenshot');
    const waits = () => Promise.race([taken.then(() => false), pause(REST_MS).then(() => true)]);
    let turn = 0;
    for (; await waits(); ++turn) {
      const script = `document.body.style.outline = '1px solid rgb(0 0 0 / 0.0${1 + (turn % 2)})';`;
      await this.browser.command('POST', '/execute/sync', { script, args: [] });
    }
    if (turn > 0) await this.#run("document.body.style.outline = '';");
    writeFileSync(path, Buffer.from(await taken, 'base64'));
  }

  isClosed() {
    return this.#closed;
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await this.#command('DELETE', '/window');
  }
}

/** Runs in the page, once in each document. */
function listen() {
  if (globalThis.webdriverCalls) return;
  globalThis.webdriverCalls = {};
  const complaints = [];
  globalThis.webdriverComplaints = complaints;
  const { error } = console;
  console.error = (...words) => {
    complaints.push({ kind: 'console', text: words.map(String).join(' ') });
    error.apply(console, words);
  };
  addEventListener('error', ({ message }) => complaints.push({ kind: 'pageerror', text: message }));
  addEventListener('unhandledrejection', ({ reason }) => complaints.push({ kind: 'pageerror', text: String(reason) }));
}
