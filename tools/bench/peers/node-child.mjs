// A subject of bench:peers in a process of its own: prints JSON.
//   node-child.mjs SUBJECT PLAN FOLDERS    each JSON; FOLDERS: { checkpoint, models, npm }
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../places.mjs';
import { measure } from './subjects.js';

const [subject, plan, { checkpoint, models, npm }] = process.argv.slice(2).map((text) => JSON.parse(text));
const LIBRARIES = {
  'beit-wasm': join(root, 'dist', 'node.js'),
  'onnxruntime-web': join(npm, 'onnxruntime-web', 'dist', 'ort.node.min.mjs'),
};
const WASM = {
  'beit-wasm': join(root, 'dist', 'wasm', `beit-${subject.build}.wasm`),
  'onnxruntime-web': join(npm, 'onnxruntime-web', 'dist', 'ort-wasm-simd-threaded.wasm'),
};

const measured = await measure(subject, plan, {
  library: (name) => import(pathToFileURL(LIBRARIES[name])),
  npm: pathToFileURL(`${npm}/`).href,
  checkpoint,
  model: (file) => new Uint8Array(readFileSync(join(models, file))),
  floats: (file) => {
    const bytes = readFileSync(join(models, file));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  },
});
console.log(JSON.stringify({ ...measured, peak: process.resourceUsage().maxRSS * 1024, wasm: statSync(WASM[subject.peer]).size }));
process.exit(0);
