// Builds and starts a project of examples/ by its own scripts, and uses it as a person would.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run } from '../../tools/report.mjs';
import { start } from '../../tools/serve.mjs';
import { launch, openPage } from '../browser/support/browsers.mjs';
import { programOf } from './project.mjs';
import { ANY_POLICY, freePort, serveProject } from './run-bundler.mjs';

const CDN = 'https://cdn.jsdelivr.net/npm/';
const TRIES = 300;

const allowAll = (path, request, response, headers) => void Object.assign(headers, { 'Access-Control-Allow-Origin': '*' });

/** Returns what is wrong with an example: sentences. `browser` starts a browser that is shared. */
export async function tryExample(test, folder, browser) {
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (scripts.build) {
    const [program, ...args] = commandOf(scripts.build, test, folder);
    await run(program, args, { cwd: folder, log: `packages-${test.name}`, env: { NEXT_TELEMETRY_DISABLED: '1' } });
  }
  const kinds = {
    page: () => tryPage(test, folder, browser),
    server: () => tryServer(scripts.start, test, folder),
    extension: () => tryExtension(folder),
  };
  return kinds[test.kind]();
}

function commandOf(script, { programs = {} }, folder) {
  const [name, ...args] = script.split(' ');
  return [name === 'node' ? process.execPath : programOf(folder, programs[name] ?? name), ...args];
}

/** Chooses a picture in the page, and waits for its name. */
async function tryPage(test, folder, browser) {
  const foreign = await start({ folders: [['', folder]], isolated: false, policy: ANY_POLICY, before: allowAll });
  if (test.serve === '.') {
    // What the tarballs have stands for what a CDN has of the release.
    const page = join(folder, 'index.html');
    writeFileSync(page, readFileSync(page, 'utf8').replaceAll(CDN, `${foreign.url}node_modules/`));
  }
  const problems = [];
  try {
    for (const isolated of test.dev ? [true] : [false, true]) {
      const server = await serveProject(test, folder, isolated);
      try {
        const { page, complaints } = await openPage(await browser(), server.url);
        const input = await page.waitForSelector('input[type=file]:not([disabled])');
        await input.uploadFile(join(folder, 'harbour.jpg'));
        await page.waitForFunction(
          () => document.querySelector('li') ?? document.querySelector('[role=status]')?.textContent.includes(':'),
        );
        const text = await page.evaluate(() => document.body.innerText);
        if (!/\bharbour\b/.test(text)) problems.push(`the page says ${JSON.stringify(text)}`);
        if (isolated && !(await page.evaluate(() => crossOriginIsolated))) problems.push('the page is not isolated');
        problems.push(...complaints);
        await page.close();
      } finally {
        await server.close();
      }
    }
  } finally {
    await foreign.close();
  }
  return problems;
}

/** Sends a picture to the server, and what is none. */
async function tryServer(script, test, folder) {
  const port = await freePort();
  const [program, ...args] = commandOf(script, test, folder);
  const server = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PORT: String(port) } });
  let said = '';
  server.stderr.on('data', (text) => (said += text));
  const send = (body) => fetch(`http://localhost:${port}/`, { method: 'POST', body });
  try {
    let answer = null;
    for (let i = 0; answer === null; ++i) {
      if (i === TRIES || server.exitCode !== null) throw new Failure(`The server does not answer: ${said}`);
      answer = await send(readFileSync(join(folder, 'harbour.jpg'))).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const labels = await answer.json();
    const refused = await send('no picture');
    const { code } = await refused.json();
    return [
      ...(labels[0]?.label === 'harbour' ? [] : [`it answers ${JSON.stringify(labels)}`]),
      ...(refused.status === 422 && code === 'bad-image' ? [] : [`it answers what is no picture with ${refused.status} ${code}`]),
    ];
  } finally {
    server.kill();
  }
}

/** Loads the extension, has it look at a picture of another site, and reads the popup. */
async function tryExtension(folder) {
  const site = await start({ folders: [['', folder]], isolated: false, policy: ANY_POLICY });
  const { browser, close } = await launch('chromium', [], {}, [join(folder, 'dist')]);
  try {
    const worker = await browser.waitForTarget(
      (target) => target.type() === 'service_worker' && target.url().startsWith('chrome-extension:'),
    );
    const { page, complaints } = await openPage(browser, new URL('popup.html', worker.url()).href);
    await page.evaluate((url) => chrome.runtime.sendMessage({ look: url }), `${site.url}harbour.jpg`);
    await page.waitForFunction(() => document.querySelector('li') ?? document.querySelector('[role=status]').textContent.includes(':'));
    const text = await page.evaluate(() => document.body.innerText);
    return [...complaints, ...(/\bharbour\b/.test(text) ? [] : [`the popup says ${JSON.stringify(text)}`])];
  } finally {
    await close();
    await site.close();
  }
}
