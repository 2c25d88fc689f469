// Runs a subject in a browser of its own, so that its time and memory are its own.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, openPage } from '../../../tests/browser/support/browsers.mjs';
import { root } from '../../places.mjs';
import { Failure } from '../../report.mjs';
import { start } from '../../serve.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const ASK_MS = 500;
/** What the command of a process that has a page in it holds, by browser. */
const PAGE_PROCESSES = { chromium: '--type=renderer', firefox: '-contentproc', webkit: 'WebKitWebProcess' };

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

/** Returns the largest resident memory that one of the page processes of a browser that this process has started ever had, in bytes. */
function peakMemory(place) {
  let peak = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(PAGE_PROCESSES[place]) || !descends(pid, process.pid)) continue;
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

/** Returns the name and version of a browser, as it tells them. */
export async function versionOf(place) {
  const host = await launch(place);
  try {
    return await host.browser.version();
  } finally {
    await host.close();
  }
}

/**
 * Calls a function of a page of this folder, by its name, in a browser of its own. Returns { measured, peak, wasm }: bytes; throws a Failure
 * with `what` where it fails.
 */
async function callIn(place, server, { file, name, args, flags, what }) {
  const host = await launch(place, flags);
  try {
    server.wasm.bytes = 0;
    const { page } = await openPage(host.browser, `${server.url}bench/${file}`);
    await page.waitForFunction((wanted) => globalThis[wanted] && crossOriginIsolated, {}, name);
    // Asked for now and then: a browser's driver does not wait as long as the slowest subject takes.
    await page.evaluate(
      (wanted, given) => {
        globalThis.measured = null;
        globalThis[wanted](...given).then(
          (value) => (globalThis.measured = value),
          (error) => (globalThis.measured = { error: String(error) }),
        );
      },
      name,
      args,
    );
    let measured = null;
    while (measured === null) {
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      measured = await page.evaluate(() => globalThis.measured);
    }
    if (measured.error) throw new Failure(`${what}: ${measured.error}`);
    return { measured, peak: peakMemory(place), wasm: server.wasm.bytes };
  } finally {
    await host.close();
  }
}

/** Returns what subjects.js measured, with { peak, wasm }: bytes. `flags`: of V8, for Chromium. */
export async function measureInBrowser(place, server, subject, plan, flags) {
  const call = { file: 'page.html', name: 'measure', args: [subject, plan], what: subject.name };
  const v8 = place === 'chromium' && flags ? [`--js-flags=${flags}`] : [];
  const { measured, ...bytes } = await callIn(place, server, { ...call, flags: v8 });
  return { ...measured, ...bytes };
}

/** Returns what webgpu.js measured. Chromium's adapter is software where there is no GPU. */
export async function raceInChromium(server, plan) {
  const call = { file: 'webgpu.html', name: 'race', args: [plan], what: 'On WebGPU' };
  return (await callIn('chromium', server, { ...call, flags: ['--enable-unsafe-webgpu'] })).measured;
}
