// A started core in this process, for measurements below the library: what a call costs without its
// queue and its copies.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../places.mjs';

const { detectCapabilities, scriptOf } = await import(pathToFileURL(join(root, 'dist', 'core', 'capabilities.js')));

const CHUNK = 1 << 20;

export function unwrap(outcome) {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value;
}

/** Returns the core of an artefact, started with that many threads. */
export async function startCore(build, threads) {
  const fileOf = (name) => join(root, 'dist', 'wasm', `beit-${name}`);
  const { default: create } = await import(pathToFileURL(fileOf(`${scriptOf(build)}.js`)));
  const core = await create({ pthreadPoolSize: threads - 1, locateFile: () => fileOf(`${build}.wasm`) });
  const { table64 } = detectCapabilities({ kind: 'node', cores: threads, mayBlock: true });
  unwrap(core.start(threads, table64));
  return core;
}

/** Returns a filled model of the checkpoint in `folder`. */
export function loadModel(core, folder, { className = 'BeitForImageClassification', dtype = 'f32' } = {}) {
  const file = openSync(join(folder, 'model.safetensors'));
  const checkpoint = unwrap(core.createCheckpoint());
  const staging = core._malloc(CHUNK) >>> 0;
  try {
    unwrap(checkpoint.addFile('model.safetensors', fstatSync(file).size));
    const model = unwrap(core.createModel(readFileSync(join(folder, 'config.json'), 'utf8'), className, { addPoolingLayer: true, dtype }));
    const pump = () => {
      for (let read; (read = unwrap(checkpoint.next())); ) {
        for (let done = 0; done < read.length; ) {
          const count = readSync(file, core.HEAPU8, staging, Math.min(CHUNK, read.length - done), read.offset + done);
          if (count === 0) throw new Error(`${folder}: the file ends early`);
          unwrap(checkpoint.supply(staging, count));
          done += count;
        }
      }
    };
    pump();
    unwrap(model.bind(checkpoint));
    pump();
    unwrap(model.finish());
    return model;
  } finally {
    core._free(staging);
    checkpoint.delete();
    closeSync(file);
  }
}
