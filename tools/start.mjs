// `npm start`: set-up, the build that this Node runs, one image classified with it, the other builds, then the demo.
//   npm start -- [--no-serve] [--port N] [--host NAME]
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ARTEFACTS, buildArtefact, buildTraining, buildTypeScript, compileTypeScript } from './build.mjs';
import { root } from './places.mjs';
import { Failure, elapsed, main, run, say } from './report.mjs';
import { start } from './serve.mjs';
import { setUp } from './setup.mjs';
import { buildSite } from './site.mjs';

const SAMPLE = join('demo', 'samples', 'harbour.jpg');

/** Runs the command line of the package as its user would, with its output on the screen. */
function beit(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Failure(`beit ${args.join(' ')} ended with status ${status}.`));
    });
  });
}

/** Returns which artefact the command line takes in this Node: the library decides. */
async function artefactOfThisNode() {
  const { output } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    "import { runtimeInfo } from './dist/node.js'; process.stdout.write(runtimeInfo().build)",
  ]);
  return output;
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      'no-serve': { type: 'boolean', default: false },
      port: { type: 'string' },
      host: { type: 'string', default: 'localhost' },
    },
  });
  say('Set-up');
  let compiled = false;
  const environment = await setUp({
    withPackages: async () => {
      await compileTypeScript();
      compiled = true;
    },
  });
  const builds = ARTEFACTS.length + 1;
  say(`Build 1 of ${builds}: what this Node runs`);
  if (!compiled) await buildTypeScript();
  const first = await artefactOfThisNode();
  await buildArtefact(first, environment);
  say(`First answer after ${elapsed()}\n\n$ beit classify ${SAMPLE}`);
  await beit('classify', SAMPLE);
  say('');
  for (const [i, variant] of ARTEFACTS.filter((name) => name !== first).entries()) {
    say(`Build ${i + 2} of ${builds}: for other engines`);
    await buildArtefact(variant, environment);
  }
  say(`Build ${builds} of ${builds}: what trains`);
  for (const variant of ARTEFACTS) await buildTraining(variant, environment);
  say(`Ready after ${elapsed()}`);
  if (values['no-serve']) return;
  const { host } = values;
  const folders = [['', await buildSite()]];
  const { url } = values.port
    ? await start({ folders, port: Number(values.port), host })
    : await start({ folders, port: 8080, host }).catch(() => start({ folders, host })); // 8080 is taken: any free one
  say(`\nThe demo is at ${url} (Ctrl+C ends it)`);
});
