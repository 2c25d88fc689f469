// Writes a release into the files that name one: versions, the changelog's date, where the project lies, provenance. It publishes nothing.
//   node tools/release.mjs VERSION --repository URL [--date YYYY-MM-DD]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './places.mjs';
import { Failure, main, say } from './report.mjs';

/** Packages beside the library's, of its version. */
const OTHERS = ['beit-wasm-avif', 'beit-wasm-batch', 'beit-wasm-samples', 'beit-wasm-training'];
const folderOf = (name) => `packages/${name}`;
const FILES = ['package.json', ...OTHERS.map((name) => `${folderOf(name)}/package.json`), 'package-lock.json', 'CHANGELOG.md'];

/** Returns the texts of FILES as a release has them, by their names. `texts`: as they are. */
export function released(texts, { version, repository, date }) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) throw new Failure(`${version} is no version: it has to be like 1.2.3 or 1.2.3-beta.1.`);
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) throw new Failure(`${date} is no date: it has to be like 2026-01-31.`);
  let address;
  try {
    address = new URL(repository);
  } catch {
    address = null;
  }
  if (address?.protocol !== 'https:')
    throw new Failure('Name the repository by --repository https://…: npm resolves the links of README by it.');
  const home = address.href.replace(/(\.git)?\/?$/, '');
  const manifests = FILES.slice(0, -1).map((name) => JSON.parse(texts[name]));
  const lock = manifests.at(-1);
  const [manifest, ...others] = manifests.slice(0, -1);
  for (const [json, directory] of [[manifest, undefined], ...others.map((json, i) => [json, folderOf(OTHERS[i])])]) {
    json.version = version;
    json.repository = { type: 'git', url: `git+${home}.git`, ...(directory && { directory }) };
    json.homepage = `${home}#readme`;
    json.bugs = { url: `${home}/issues` };
    json.publishConfig = { access: 'public', provenance: true };
  }
  for (const name of OTHERS) manifest.peerDependencies[name] = `^${version}`;
  lock.version = version;
  Object.assign(lock.packages[''], { version, peerDependencies: manifest.peerDependencies });
  for (const name of OTHERS) lock.packages[folderOf(name)].version = version;
  const changelog = texts['CHANGELOG.md'];
  if (changelog.includes(`\n## ${version} `)) throw new Failure(`CHANGELOG.md has a section ${version} already.`);
  if (!changelog.includes('\n## Unreleased\n')) throw new Failure('CHANGELOG.md has no section "Unreleased".');
  return Object.fromEntries([
    ...manifests.map((json, i) => [FILES[i], `${JSON.stringify(json, null, 2)}\n`]),
    ['CHANGELOG.md', changelog.replace('\n## Unreleased\n', `\n## Unreleased\n\n## ${version} - ${date}\n`)],
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { repository: { type: 'string', default: '' }, date: { type: 'string', default: new Date().toISOString().slice(0, 10) } },
    });
    const texts = Object.fromEntries(FILES.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
    for (const [name, text] of Object.entries(released(texts, { version: positionals[0] ?? '', ...values }))) {
      writeFileSync(join(root, name), text);
      say(`  ${name}`);
    }
    say('Now: npm test; commit and tag; then, in a workflow that may sign provenance, npm publish --workspaces --include-workspace-root');
  });
}
