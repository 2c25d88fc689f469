// `npm run test:packages`: packs the packages, installs them in projects of several tools, and uses each as its user would. Fetches the
// tools from npm's registry.
//   node tests/packages/run.mjs [NAME...]     only these; --ci: those of `npm test`; --list names them; --keep: leaves the folders
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, duration, main, run, say } from '../../tools/report.mjs';
import { launch } from '../browser/support/browsers.mjs';
import { BUNDLERS } from './bundlers.mjs';
import { EXAMPLES } from './examples.mjs';
import { makeProject, pack, programOf } from './project.mjs';
import { build, open } from './run-bundler.mjs';
import { tryExample } from './run-example.mjs';
import { RUNTIMES } from './runtimes.mjs';
import { LINT, TYPES } from './types.mjs';

const CASES = [...BUNDLERS, ...RUNTIMES, ...EXAMPLES, ...TYPES, LINT];

/** Returns what is wrong with a project: sentences. */
async function problemsOf(test, folder, { tarballs, browser }) {
  if (BUNDLERS.includes(test)) {
    await build(test, folder);
    return open(test, folder, await browser());
  }
  if (EXAMPLES.includes(test)) return tryExample(test, folder, browser);
  const problems = [];
  const log = `packages-${test.name}`;
  const call = ([program, ...args]) =>
    run(program === 'node' ? process.execPath : programOf(folder, program), args, { cwd: folder, log, allowFailure: true });
  for (const command of [...(test.build ?? []), ...(test.commands ?? [])]) {
    const { status, output } = await call(
      command.map((word) => (word === 'TARBALL' ? tarballs.find((path) => /beit-wasm-\d/.test(path)) : word)),
    );
    if (status !== 0) problems.push(`${command.join(' ')}: ${output.trim().split('\n').slice(0, 20).join('\n      ')}`);
  }
  for (const [from, to] of Object.entries(test.copies ?? {}))
    cpSync(join(folder, 'node_modules', from), join(folder, to), { recursive: true });
  for (const name of test.without ?? []) rmSync(join(folder, 'node_modules', name), { recursive: true });
  if (test.command) {
    const { status, output } = await call(test.command);
    if (status !== 0 || !output.includes(test.says)) problems.push(`ended with status ${status}: ${output.trim().slice(-1500)}`);
  }
  return problems;
}

await main(async (args) => {
  const keep = args.includes('--keep');
  const names = args.filter((name) => !name.startsWith('--'));
  if (args.includes('--list')) {
    say(CASES.map(({ name }) => name).join('\n'));
    return 0;
  }
  const wrong = names.find((name) => !CASES.some((test) => test.name === name));
  if (wrong) throw new Failure(`There is no project ${wrong}; there are ${CASES.map(({ name }) => name).join(', ')}.`);
  const { tarballs, remove } = await pack();
  let host;
  const browser = async () => (host ??= await launch('chromium')).browser;
  const counts = { passed: 0, failed: 0 };
  const wanted = ({ name, ci }) => (args.includes('--ci') ? ci : names.length === 0 || names.includes(name));
  try {
    for (const test of CASES.filter(wanted)) {
      const begin = performance.now();
      let folder;
      let problems;
      try {
        folder = await makeProject(test, tarballs);
        problems = await problemsOf(test, folder, { tarballs, browser });
      } catch (error) {
        problems = [error.message];
      }
      const result = problems.length === 0 ? 'passed' : 'failed';
      ++counts[result];
      say(
        `  ${test.name}: ${result.replace('failed', 'FAILED')} (${duration(performance.now() - begin)})${problems.map((problem) => `\n    ${problem}`).join('')}`,
      );
      if (keep) say(`    ${folder}`);
      else if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  } finally {
    await host?.close();
    remove();
  }
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed > 0 ? 1 : 0;
});
