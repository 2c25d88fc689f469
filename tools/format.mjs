// `npm run format`: formats C++ and JavaScript as .clang-format and biome.json say.
//   npm run format -- [--check]     --check changes nothing, and fails where something would change or Biome's linter complains
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages, installPrograms, packagesAreInstalled } from './machine.mjs';
import { root } from './places.mjs';
import { Failure, main, run, say } from './report.mjs';

const CPP = ['src', 'weights/reading', 'bindings', 'tests'];

/** The version is part of the name: others break some lines elsewhere. */
const CLANG_FORMAT = 'clang-format-14';
export const FORMATTERS = { [CLANG_FORMAT]: CLANG_FORMAT };

function cppFiles() {
  return CPP.flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((name) => /\.(cpp|h|c)$/.test(name))
    .sort();
}

const commands = (check) => ({
  'C++': [CLANG_FORMAT, [...(check ? ['--dry-run', '-Werror'] : ['-i']), ...cppFiles()]],
  'TypeScript and JavaScript': [join(root, 'node_modules', '.bin', 'biome'), check ? ['ci', '--error-on-warnings'] : ['check', '--write']],
});

/** Returns { passed, failed, skipped, output } of a check of each language, which changes nothing. */
export async function checkFormat() {
  const result = { passed: 0, failed: 0, skipped: 0, output: '' };
  for (const [language, [program, args]] of Object.entries(commands(true))) {
    const { status, output } = await run(program, args, { log: 'test-format', allowFailure: true });
    result[status === 0 ? 'passed' : 'failed'] += 1;
    if (status !== 0) result.output += `${language} (npm run format mends what is only a matter of form):\n${output}\n`;
  }
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    const { check } = parseArgs({ args, options: { check: { type: 'boolean', default: false } } }).values;
    await installPrograms(FORMATTERS);
    if (!packagesAreInstalled()) await installPackages();
    if (check) {
      const { failed, output } = await checkFormat();
      if (failed > 0) throw new Failure(output);
      return;
    }
    for (const [language, [program, given]] of Object.entries(commands(false))) {
      await run(program, given, { log: 'format' });
      say(`${language}: formatted`);
    }
  });
}
