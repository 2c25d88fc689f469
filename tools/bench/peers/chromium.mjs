// Runs a subject in a Chromium of its own, so that its time and memory are its own.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { root } from '../../places.mjs';
import { Failure } from '../../report.mjs';
import { start } from '../../serve.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PATIENCE_MS = 1800000;

/** Starts the server that all subjects load from. `tasks`: { checkpoint, models } by name; `npm`: npm's packages. */
export async function servePeers(tasks, npm) {
  const wasm = { bytes: 0 };
  const { url, close } = await start({
    folders: [
      ['bench/', `${here}/`],
      ['beit-wasm/', `${root}/`],
      ['npm/', `${npm}/`],
      ...Object.entries(tasks).flatMap(([task, { checkpoint, models }]) => [
        [`${task}/checkpoint/`, `${checkpoint}/`],
        [`${task}/model/`, `${models}/`],
      ]),
    ],
    policy: "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:", // the peers' needs, not ours
    before(path, request, response) {
      const { writeHead } = response;
      response.writeHead = (status, headers) => {
        if (path?.endsWith('.wasm')) wasm.bytes += headers['Content-Length'] ?? 0;
        return writeHead.call(response, status, headers);
      };
      return false;
    },
  });
  return { url, close, wasm };
}

/** Returns the largest resident memory that one of the browser's page processes ever had, in bytes. */
function peakMemory(browserPid) {
  let peak = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !descends(pid, browserPid)) continue;
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024);
    } catch {
      // A process that has ended meanwhile.
    }
  }
  return peak;
}

function descends(pid, ancestor) {
  for (let at = Number(pid); at > 1; ) {
    if (at === ancestor) return true;
    at = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))[1]);
  }
  return false;
}

/** Opens a page of this folder in a Chromium of its own. Returns what `use` gives of it. */
async function inChromium(server, file, flags, use) {
  const profile = mkdtempSync(join(tmpdir(), 'beit-bench-'));
  const browser = await puppeteer.launch({
    executablePath: process.env.BEIT_CHROMIUM ?? '/usr/bin/chromium',
    args: flags,
    headless: true,
    userDataDir: profile,
    protocolTimeout: PATIENCE_MS,
  });
  try {
    server.wasm.bytes = 0;
    const page = await browser.newPage();
    await page.goto(`${server.url}bench/${file}`);
    return await use(page, browser);
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Returns what subjects.js measured, with { peak, wasm }: bytes. */
export async function measureInChromium(server, subject, plan) {
  return inChromium(server, 'page.html', [...FLAGS, '--disable-gpu'], async (page, browser) => {
    await page.waitForFunction(() => globalThis.measure && crossOriginIsolated);
    const measured = await page.evaluate((given, how) => measure(given, how).catch((error) => ({ error: String(error) })), subject, plan);
    if (measured.error) throw new Failure(`${subject.name}: ${measured.error}`);
    return { ...measured, peak: peakMemory(browser.process().pid), wasm: server.wasm.bytes };
  });
}

/** Returns what webgpu.js measured. Chromium's adapter is software where there is no GPU. */
export async function raceInChromium(server, plan) {
  return inChromium(server, 'webgpu.html', [...FLAGS, '--enable-unsafe-webgpu'], async (page) => {
    await page.waitForFunction(() => globalThis.race);
    const measured = await page.evaluate((how) => race(how).catch((error) => ({ error: String(error) })), plan);
    if (measured.error) throw new Failure(`On WebGPU: ${measured.error}`);
    return measured;
  });
}
