// What README.md and the guide of measurements say of peers.json.
import { spread } from './statistics.mjs';

/** Rows of the table: what the guide calls them, by name. */
const ROWS = {
  'beit-wasm f32, relaxed': 'beit-wasm f32, relaxed SIMD',
  'beit-wasm f32, simd': 'beit-wasm f32, plain SIMD',
  'onnxruntime-web f32': 'onnxruntime-web f32',
  'LiteRT.js f32': 'LiteRT.js f32 (without relaxed SIMD)',
  'beit-wasm int8, relaxed': 'beit-wasm int8, relaxed SIMD',
  'beit-wasm int8, simd': 'beit-wasm int8, plain SIMD',
  'onnxruntime-web QUInt8': 'onnxruntime-web QUInt8',
  'LiteRT.js int8': 'LiteRT.js int8',
};

const medianOf = (values) => spread(values).median;
const secondsOf = ({ runs }) => medianOf(runs.map(({ times }) => medianOf(times))) / 1e3;
const gigabytesOf = ({ runs }) => medianOf(runs.map(({ peak }) => peak)) / 1e9;
const difference = (largest) => (largest < 1e-3 ? largest.toExponential(1) : largest.toPrecision(2));

/** Returns the rows of the table of base-224 in Chromium. What is not a time of two threads is that of one. */
export function tableOf({ classification }) {
  const find = (wanted, count) =>
    classification.results.find(({ name, place, threads }) => name === wanted && place === 'chromium' && threads === count);
  return Object.entries(ROWS).map(([name, title]) => {
    const one = find(name, 1),
      two = find(name, 2),
      plain = find(`${name}, no relaxed SIMD`, 1);
    const { wasm, largest } = one.runs.at(-1);
    const times = `${secondsOf(one).toFixed(2)} / ${secondsOf(two).toFixed(2)} s${plain ? ` (${secondsOf(plain).toFixed(2)})` : ''}`;
    const ready = medianOf(one.runs.map((run) => run.ready)) / 1e3;
    const megabytes = (wasm / 1e6).toFixed(wasm < 1e6 ? 2 : 1);
    return `| ${[title, times, `${ready.toFixed(1)} s`, `${gigabytesOf(one).toFixed(2)} GB`, `${megabytes} MB`, difference(largest)].join(' | ')} |`;
  });
}

/** Returns pieces of README's one sentence on speed: base-224 in Chromium, two threads. */
export function headlineOf({ classification }) {
  const [ours, peer] = ['beit-wasm f32, relaxed', 'onnxruntime-web f32'].map((wanted) =>
    classification.results.find(({ name, place, threads }) => name === wanted && place === 'chromium' && threads === 2),
  );
  return [`BEiT base takes ${secondsOf(ours).toFixed(2)} s for a picture`, `onnxruntime-web takes ${secondsOf(peer).toFixed(2)} s`];
}

/** Returns pieces of what is said of base-ADE-640. */
export function sentencesOf({ segmentation }) {
  const [f32, int8, peer] = ['beit-wasm f32, relaxed', 'beit-wasm int8, relaxed', 'onnxruntime-web f32, unoptimised'].map((wanted) =>
    segmentation.results.find(({ name }) => name === wanted),
  );
  const difference640 = ({ runs }) => difference(runs.at(-1).largest);
  return [
    `${secondsOf(f32).toFixed(1)} s an image in ${gigabytesOf(f32).toFixed(2)} GB (int8: ${secondsOf(int8).toFixed(1)} s in ${gigabytesOf(int8).toFixed(2)} GB)`,
    `takes ${secondsOf(peer).toFixed(0)} s and ${gigabytesOf(peer).toFixed(2)} GB`,
    `differ from PyTorch's by ${difference640(f32)} at most (int8: ${difference640(int8)}`,
  ];
}
