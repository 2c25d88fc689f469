// A subject of bench:peers in a page of its own.
import { measure } from './subjects.js';

const LIBRARIES = {
  'beit-wasm': '/beit-wasm/dist/index.js',
  'onnxruntime-web': '/npm/onnxruntime-web/dist/ort.wasm.min.mjs',
  '@litertjs/core': '/npm/@litertjs/core/dist/index.js',
};

globalThis.measure = (subject, plan) =>
  measure(subject, plan, {
    library: (name) => import(LIBRARIES[name]),
    npm: '/npm/',
    checkpoint: new URL(`/${subject.task}/checkpoint/`, location.href),
    model: (file) => `/${subject.task}/model/${file}`,
    floats: async (file) => new Float32Array(await (await fetch(`/${subject.task}/model/${file}`)).arrayBuffer()),
  });
