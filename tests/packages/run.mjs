// `npm run test:packages`: packs the package, installs it in projects of several bundlers, builds each and opens it in Chromium, with
// the headers of isolation and without. Fetches bundlers from npm's registry.
//   node tests/packages/run.mjs [NAME...]     only these projects; --list names them
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../../tools/places.mjs';
import { Failure, duration, main, run, say } from '../../tools/report.mjs';
import { start } from '../../tools/serve.mjs';
import { launch, openPage } from '../browser/support/browsers.mjs';
import { CASES } from './cases.mjs';

const PAGE = join(root, 'tests', 'packages', 'page');
// What a page without a policy may do; the browser suite has strict ones.
const ANY_POLICY = "default-src * blob: data: 'unsafe-inline' 'wasm-unsafe-eval'";

/** Makes the project of a case, with the package in it, and builds it. */
async function makeProject({ name, install = [], files = {}, build = [], serve, copy }, folder, tarball) {
  cpSync(PAGE, folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const log = `packages-${name}`;
  await run('npm', ['install', '--no-audit', '--no-fund', tarball, ...install], { cwd: folder, log });
  for (const [command, ...args] of build)
    await run(join(folder, 'node_modules', '.bin', command), args, { cwd: folder, log, env: { NEXT_TELEMETRY_DISABLED: '1' } });
  const to = join(folder, serve ?? '.');
  if (!existsSync(join(to, 'index.html'))) cpSync(join(PAGE, 'index.html'), join(to, 'index.html'));
  cpSync(join(root, 'demo', 'samples', 'harbour.jpg'), join(to, 'harbour.jpg'));
  for (const part of copy ? ['worker.js', 'wasm', 'weights'] : []) {
    cpSync(join(folder, 'node_modules', 'beit-wasm', 'dist', part), join(to, 'beit', part), { recursive: true });
  }
}

/** Serves the project's result, or has its own server do so. Returns { url, close }. */
async function serveProject({ serve, dev }, folder, isolated) {
  if (!dev) return start({ folders: [['', join(folder, serve)]], isolated, policy: ANY_POLICY });
  const port = await freePort();
  const [command, ...args] = dev(port);
  const server = spawn(join(folder, 'node_modules', '.bin', command), args, {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ISOLATED: isolated ? '1' : '' },
  });
  const url = `http://localhost:${port}/`;
  for (
    let i = 0;
    !(await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ));
    ++i
  ) {
    if (i === 600 || server.exitCode !== null) throw new Failure(`${command} does not serve.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, close: async () => void server.kill() };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, 'localhost', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Opens the page and returns what is wrong with its answer: sentences, none if nothing is. */
async function problemsOf({ copy, page: addressOf }, browser, url, foreign, isolated) {
  const { page, complaints } = await openPage(browser, `${url}${addressOf?.(foreign) ?? ''}${copy ? '?assets=beit' : ''}`);
  try {
    await page.waitForFunction(() => globalThis.answered !== undefined);
    const { label, info, error } = await page.evaluate(() => globalThis.answered);
    if (error) return [error];
    const expected = isolated ? 'relaxed-threads in a worker: harbour' : 'simd in a worker: harbour';
    const got = `${info.build} ${info.worker ? 'in a worker' : 'in the page'}: ${label}`;
    return [...complaints, ...(got === expected ? [] : [`got ${got}, expected ${expected} (${info.reason})`])];
  } finally {
    await page.close();
  }
}

async function runCase(test, tarball, browser) {
  const folder = mkdtempSync(join(tmpdir(), `beit-${test.name}-`));
  const problems = [];
  try {
    await makeProject(test, folder, tarball);
    const foreign = await start({
      folders: [['', folder]],
      isolated: false,
      policy: ANY_POLICY,
      before: (path, request, response, headers) => void Object.assign(headers, { 'Access-Control-Allow-Origin': '*' }),
    });
    for (const isolated of [false, true]) {
      const server = await serveProject(test, folder, isolated);
      try {
        const found = await problemsOf(test, browser, server.url, foreign.url, isolated);
        problems.push(...found.map((problem) => `${isolated ? 'isolated' : 'not isolated'}: ${problem}`));
      } finally {
        await server.close();
      }
    }
    await foreign.close();
  } catch (error) {
    problems.push(error.message);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return problems;
}

await main(async (names) => {
  if (names.includes('--list')) {
    say(CASES.map(({ name }) => name).join('\n'));
    return 0;
  }
  const wrong = names.find((name) => !CASES.some((test) => test.name === name));
  if (wrong) throw new Failure(`There is no project ${wrong}; there are ${CASES.map(({ name }) => name).join(', ')}.`);
  const packed = mkdtempSync(join(tmpdir(), 'beit-packed-'));
  mkdirSync(join(root, 'build', 'logs'), { recursive: true });
  const host = await launch('chromium');
  let failed = 0;
  try {
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', packed], { cwd: root, log: 'packages' });
    const tarball = join(packed, readdirSync(packed)[0]);
    for (const test of CASES.filter(({ name }) => names.length === 0 || names.includes(name))) {
      const begin = performance.now();
      const problems = await runCase(test, tarball, host.browser);
      say(
        `  ${test.name}: ${problems.length === 0 ? 'passed' : 'FAILED'} (${duration(performance.now() - begin)})${problems.map((problem) => `\n    ${problem}`).join('')}`,
      );
      if (problems.length > 0) ++failed;
    }
  } finally {
    await host.close();
    rmSync(packed, { recursive: true, force: true });
  }
  return failed > 0 ? 1 : 0;
});
