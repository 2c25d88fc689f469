// What bench:peers needs beside the project: two Python environments, the peers' packages, the exports.
// All in the tools' folder, made once.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, step } from '../../report.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGES = { 'onnxruntime-web': '1.30.0', '@litertjs/core': '2.5.3' };
const TORCH = 'torch==2.13.0';

/** Makes a virtual environment with what requirements-NAME.txt lists. Returns its python. */
async function python(folder, name) {
  const at = join(folder, `python-${name}`);
  const program = join(at, 'bin', 'python');
  if (existsSync(join(at, 'complete'))) return program;
  await step(`python environment for ${name}`, async () => {
    await run('python3', ['-m', 'venv', '--clear', at], { log: `peers-venv-${name}` });
    // torch by itself: which file it is depends on the machine.
    await run(program, ['-m', 'pip', 'install', '-q', TORCH], { log: `peers-torch-${name}` });
    await run(program, ['-m', 'pip', 'install', '-q', '--no-deps', '-r', join(here, `requirements-${name}.txt`)], {
      log: `peers-pip-${name}`,
    });
    writeFileSync(join(at, 'complete'), '');
  });
  return program;
}

/** Installs the peers. Returns the folder of npm's packages. */
export async function npmPackages(folder) {
  const at = join(folder, 'npm');
  const wanted = JSON.stringify({ private: true, dependencies: PACKAGES });
  if (!existsSync(join(at, 'node_modules', '@litertjs', 'core', 'package.json'))) {
    await step(
      `npm: ${Object.entries(PACKAGES)
        .map((pair) => pair.join(' '))
        .join(', ')}`,
      async () => {
        mkdirSync(at, { recursive: true });
        writeFileSync(join(at, 'package.json'), wanted);
        await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: at, log: 'peers-npm' });
      },
    );
  }
  return join(at, 'node_modules');
}

const EXPORTS = {
  classification: [
    { what: 'onnx', last: 'model-QUInt8.onnx' },
    { what: 'tflite', last: 'model-int8.tflite' },
  ],
  webgpu: [{ what: 'onnx', last: 'model-QUInt8.onnx' }],
  segmentation: [{ what: 'onnx-segmentation', last: 'model.onnx' }],
};

/** Exports a task's checkpoint, which has a name of its own, for the peers. Returns the folder of the exports. */
export async function exportModels(folder, task, name, checkpoint) {
  const models = join(folder, `models-${name}`);
  for (const { what, last } of EXPORTS[task]) {
    if (existsSync(join(models, last))) continue;
    const program = await python(folder, what.split('-')[0]);
    await step(`export to ${what}`, () =>
      run(program, [join(here, 'export.py'), what, checkpoint, models], { log: `peers-export-${what}` }).then(() => undefined),
    );
  }
  return models;
}
