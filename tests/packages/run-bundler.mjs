// Builds a project and opens it in Chromium, with the headers of isolation and without.
import { spawn } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../../tools/places.mjs';
import { Failure, run } from '../../tools/report.mjs';
import { start } from '../../tools/serve.mjs';
import { openPage } from '../browser/support/browsers.mjs';
import { programOf } from './project.mjs';

const PAGE = join(root, 'tests', 'packages', 'page');
// What a page without a policy may do.
export const ANY_POLICY = "default-src * blob: data: 'unsafe-inline' 'wasm-unsafe-eval'";

/** Builds the project in `folder`. */
export async function build({ name, build: commands = [], serve, copy, ready }, folder) {
  cpSync(PAGE, folder, { recursive: true });
  for (const [command, ...args] of commands) {
    await run(programOf(folder, command), args, {
      cwd: folder,
      log: `packages-${name}`,
      env: { NEXT_TELEMETRY_DISABLED: '1', NG_CLI_ANALYTICS: 'false' },
    });
  }
  const to = join(folder, serve ?? '.');
  if (!ready && !existsSync(join(to, 'index.html'))) cpSync(join(PAGE, 'index.html'), join(to, 'index.html'));
  if (serve && serve !== '.') cpSync(join(folder, 'harbour.jpg'), join(to, 'harbour.jpg'));
  if (!copy) return;
  const modules = join(folder, 'node_modules');
  for (const part of [
    'beit-wasm/dist/engine.js',
    'beit-wasm/dist/gpu.js',
    'beit-wasm/dist/gpu-extras.js',
    'beit-wasm/dist/gpu-tokenizer.js',
    'beit-wasm/dist/wasm',
    'beit-wasm-samples/weights',
  ]) {
    cpSync(join(modules, part), join(to, 'beit', part.split('/').pop()), { recursive: true });
  }
}

/** Serves the project's result, or has its own server do so. Returns { url, close }. */
export async function serveProject({ serve, dev, policy = ANY_POLICY }, folder, isolated) {
  if (!dev) return start({ folders: [['', join(folder, serve)]], isolated, policy });
  const port = await freePort();
  const [command, ...args] = dev(port);
  const env = { ...process.env, ISOLATED: isolated ? '1' : '' };
  const server = spawn(programOf(folder, command), args, { cwd: folder, stdio: 'ignore', env });
  const url = `http://localhost:${port}/`;
  const serves = () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let i = 0; !(await serves()); ++i) {
    if (i === 600 || server.exitCode !== null) throw new Failure(`${command} does not serve.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, close: async () => void server.kill() };
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, 'localhost', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Opens the page and returns what is wrong with its answer: sentences, none if nothing is. */
async function problemsOf({ copy, page: addressOf, worker = true }, browser, url, foreign, isolated) {
  const address = new URL(addressOf?.(foreign) ?? '', url);
  if (copy) address.searchParams.set('assets', 'beit');
  const { page, complaints } = await openPage(browser, address.href);
  try {
    await page.waitForFunction(() => globalThis.answered !== undefined);
    const { label, info, error } = await page.evaluate(() => globalThis.answered);
    if (error) return [error];
    const expected = `${isolated && worker ? 'relaxed-threads' : 'simd'} ${worker ? 'in a worker' : 'in its own thread'}: harbour`;
    const got = `${info.build} ${info.worker ? 'in a worker' : 'in its own thread'}: ${label}`;
    return [...complaints, ...(got === expected ? [] : [`got ${got}, expected ${expected} (${info.reason})`])];
  } finally {
    await page.close();
  }
}

/** Returns what is wrong with a built project: sentences. */
export async function open(test, folder, browser) {
  const foreign = await start({
    folders: [['', folder]],
    isolated: false,
    policy: ANY_POLICY,
    before: (path, request, response, headers) => void Object.assign(headers, { 'Access-Control-Allow-Origin': '*' }),
  });
  const problems = [];
  try {
    for (const isolated of [false, true]) {
      const server = await serveProject(test, folder, isolated);
      try {
        const found = await problemsOf(test, browser, server.url, foreign.url, isolated);
        problems.push(...found.map((problem) => `${isolated ? 'isolated' : 'not isolated'}: ${problem}`));
      } finally {
        await server.close();
      }
    }
  } finally {
    await foreign.close();
  }
  return problems;
}
