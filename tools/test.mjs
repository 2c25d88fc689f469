// `npm test`: set-up, every build and every test. The last line adds up all suites: N passed, N failed.
//   npm test -- [SUITE...]     only these suites, also `native`, which has no test of its own; --list names them
//
// What is fetched is built first. Then two things happen at once: the suites of JavaScript run one after another, and behind
// them, with what they leave of the processors, the native programs and those of wasm are built and run: a page that waits a
// minute for its turn looks broken.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFlags } from './node-flags.mjs';
import { ARTEFACTS, buildArtefact, buildTraining, buildTypeScript, buildVariant } from './build.mjs';
import { checkCorpus } from './corpus.mjs';
import { FORMATTERS, checkFormat } from './format.mjs';
import { which } from './machine.mjs';
import { jobs, root } from './places.mjs';
import { Failure, duration, elapsed, main, probe, run, say } from './report.mjs';
import { setUp } from './setup.mjs';

/** In the order in which they are run and, those that have a program of their own, built: what takes longest first. */
const SUITES = [
  { name: 'format', needs: [], run: checkFormat },
  { name: 'node', needs: ['typescript', ...ARTEFACTS], run: () => nodeTests('node') },
  { name: 'corpus', needs: ['typescript', 'simd'], run: checkCorpus },
  { name: 'browser', needs: ['typescript', ...ARTEFACTS], run: () => nodeTests('browser') },
  { name: 'packages', needs: ['typescript', ...ARTEFACTS], run: packageTests },
  { name: 'native-asan', program: 'native-asan', run: () => catch2('native-asan', [program('native-asan'), SANITIZED], ASAN) },
  {
    name: 'native-tsan',
    program: 'native-tsan',
    run: async () => catch2('native-tsan', [...(await fixedAddresses()), program('native-tsan'), SANITIZED], TSAN),
  },
  // What native-asan runs, by the same compiler without checks: for who works on the core. The wasm programs run it without them, too.
  { name: 'native', program: 'native', byName: true, run: () => catch2('native', [program('native')]) },
  ...ARTEFACTS.map((variant) => ({ name: `wasm-${variant}`, program: variant, run: () => wasmTests(variant) })),
];

/** A suite that takes longer hangs, and is ended: the others have their turn, and the log is there. One file has less. */
const SUITE_MINUTES = 30;
const FILE_MINUTES = 12;
/** So many files at once at most: they have time limits of their own, each starts engines for all processors, and builds run beside them. */
const FILES_AT_ONCE = Math.min(Math.max(jobs - 1, 1), 4);

/** What programs with a sanitizer run: see tests/estimate_test.cpp. */
const SANITIZED = '~[estimate]';
const ASAN = { ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
const TSAN = { TSAN_OPTIONS: 'halt_on_error=1' };

function program(variant, suffix = '') {
  return join(root, 'build', variant, 'tests', `beit_tests${suffix}`);
}

// ThreadSanitizer of GCC 12 cannot live with the random addresses of newer kernels.
async function fixedAddresses() {
  return (await probe('setarch', ['-R', 'true'])) === null ? [] : ['setarch', '-R'];
}

function wasmTests(variant) {
  return catch2(`wasm-${variant}`, [process.execPath, ...nodeFlags, program(variant, '.cjs')]);
}

/** Runs a Catch2 program. Returns { passed, failed, skipped, output }, in test cases. */
async function catch2(name, command, env = {}) {
  const args = [...command.slice(1), '--colour-mode', 'none'];
  const options = { env, log: `test-${name}`, allowFailure: true, minutes: SUITE_MINUTES, background: true };
  const { status, output } = await run(command[0], args, options);
  const all = /All tests passed \(.* in (\d+) test cases?\)/.exec(output);
  const some = /^test cases:(.*)$/m.exec(output)?.[1] ?? '';
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(some)?.[1] ?? 0);
  const result = all
    ? { passed: Number(all[1]), failed: 0, skipped: 0 }
    : { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  return withStatus(result, status, output);
}

/** Runs the files of tests/FOLDER with Node's test runner. */
async function nodeTests(folder) {
  const files = readdirSync(join(root, 'tests', folder))
    .filter((file) => file.endsWith('.test.mjs'))
    .sort();
  if (files.length === 0) throw new Failure(`There are no tests in tests/${folder}.`);
  const args = [
    ...nodeFlags,
    '--test',
    `--test-timeout=${FILE_MINUTES * 60_000}`,
    `--test-concurrency=${FILES_AT_ONCE}`,
    '--test-reporter=spec',
    ...files.map((file) => join('tests', folder, file)),
  ];
  const { status, output } = await run(process.execPath, args, { log: `test-${folder}`, allowFailure: true, minutes: SUITE_MINUTES });
  const count = (word) => Number(new RegExp(`^\\S+ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const result = { passed: count('pass'), failed: count('fail') + count('cancelled'), skipped: count('skipped') + count('todo') };
  return withStatus(result, status, output);
}

/** Runs the projects of tests/packages that a change has to pass; npm run test:packages has them all. */
async function packageTests() {
  const { status, output } = await run(process.execPath, [join('tests', 'packages', 'run.mjs'), '--ci'], {
    log: 'test-packages',
    allowFailure: true,
    minutes: SUITE_MINUTES,
  });
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
  return withStatus({ passed: Number(passed), failed: Number(failed), skipped: 0 }, status, output);
}

/** A program that failed, or that ran nothing, is at least one failure, whatever it counted. */
function withStatus(result, status, output) {
  if ((status !== 0 || result.passed === 0) && result.failed === 0) result.failed = 1;
  return { ...result, output };
}

/** Builds what JavaScript is given: `typescript` or an artefact with the one that trains. */
async function build(name, environment) {
  if (name === 'typescript') return buildTypeScript();
  await buildArtefact(name, environment);
  return buildTraining(name, environment);
}

async function runSuite(suite) {
  const begin = performance.now();
  const { passed, failed, skipped, output } = await suite.run();
  say(
    `  test ${suite.name}: ${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''} (${duration(performance.now() - begin)})`,
  );
  if (failed > 0) {
    say(
      output
        .trimEnd()
        .split('\n')
        .slice(-60)
        .map((line) => `    ${line}`)
        .join('\n'),
    );
    say(`    The whole output is in build/logs/test-${suite.name}.log`);
  }
  return { passed, failed, skipped };
}

/** Redis for the tests of the queue, without a service that starts: see tests/node/queue-server.mjs. Without apt they are skipped. */
const QUEUE = { 'redis-check-rdb': 'redis-tools' };
const hasQueue = () => process.env.BEIT_REDIS || which('valkey-server') || which('redis-server');

await main(async (names) => {
  if (names.includes('--list')) {
    say(SUITES.map(({ name }) => name).join('\n'));
    return 0;
  }
  const wrong = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (wrong) throw new Failure(`There is no suite ${wrong}; there are ${SUITES.map(({ name }) => name).join(', ')}.`);
  const suites = SUITES.filter(({ name, byName }) => (names.length > 0 ? names.includes(name) : !byName));

  say('Set-up');
  const wants = (start) => suites.some(({ name }) => name.startsWith(start));
  const environment = await setUp({
    native: wants('native'),
    browsers: wants('browser') || wants('packages'),
    programs: { ...(wants('format') ? FORMATTERS : {}), ...(wants('node') && !hasQueue() && which('apt-get') ? QUEUE : {}) },
  });

  say('Builds and tests');
  const results = [];
  const built = new Set();
  /** Does `work`; what cannot be built is told, and is no reason not to do the rest. */
  const attempt = async (name, work) => {
    try {
      await work();
      built.add(name);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say(error.message);
    }
  };
  const finish = async (suite, needs) => {
    const missing = needs.filter((need) => !built.has(need));
    if (missing.length === 0) return results.push(await runSuite(suite));
    say(`  test ${suite.name}: not run, since ${missing.join(', ')} could not be built`);
    results.push({ passed: 0, failed: 1, skipped: 0 });
  };
  for (const name of new Set(suites.flatMap(({ needs = [] }) => needs))) await attempt(name, () => build(name, environment));
  const scripts = async () => {
    for (const suite of suites.filter(({ needs }) => needs)) await finish(suite, suite.needs);
  };
  const programs = async () => {
    let tests = Promise.resolve();
    for (const suite of suites.filter(({ program }) => program)) {
      const name = `the program of ${suite.name}`;
      await attempt(name, () => buildVariant(suite.program, ['beit_tests'], environment, { background: true }));
      tests = tests.then(() => finish(suite, [name]));
    }
    await tests;
  };
  await Promise.all([scripts(), programs()]);

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  say(`After ${elapsed()}:`);
  say(`${sum('passed')} passed, ${sum('failed')} failed${sum('skipped') ? `, ${sum('skipped')} skipped` : ''}`);
  return sum('failed') > 0 ? 1 : 0;
});
