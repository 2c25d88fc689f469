// Copies the demo, the built package and its checkpoint to build/site: plain files for any web server,
// in any sub-folder. Run `npm run build` before.
import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './places.mjs';
import { Failure, main, say } from './report.mjs';
import { SITE } from './site.mjs';

/** Files of the project that a visitor does not need. */
const LEFT_OUT = /\.d\.ts(\.map)?$|^tsconfig\.json$|^README\.md$/;

await main(() => {
  const site = join(root, 'build', 'site');
  if (!existsSync(join(root, 'dist', 'index.js'))) throw new Failure('There is nothing in dist/ yet: run "npm run build" first.');
  rmSync(site, { recursive: true, force: true });
  for (const [address, folder] of SITE) {
    cpSync(folder, join(site, address), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || !LEFT_OUT.test(basename(path)),
    });
  }
  say(`The site is in ${site}`);
});
