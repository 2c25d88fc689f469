// What a batch does in a second, its memory, and the same job by peers, in turn: classes of pictures of a folder into JSON lines.
//   node tools/bench/batch.mjs MODEL [--engines 2] [--pictures 8] [--turns 3] [--peers FOLDER]
// FOLDER has node_modules with @huggingface/transformers (and so onnxruntime-node and -web), and models/NAME with an ONNX export of MODEL
// (tools/bench/peers/export.py), as transformers.js wants them.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import * as beit from '../../dist/node.js';
import { openJob } from '../../packages/beit-wasm-batch/index.js';
import { root } from '../places.mjs';
import { Failure, main, say } from '../report.mjs';

const samples = join(root, 'demo/samples');
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** A batch of so many engines, or one engine of so many threads: what `beit batch` does with a shard. */
async function batchOf(model, folder, { engines, threads }) {
  const job = await openJob(beit, {
    task: 'classify',
    model,
    output: join(folder, `${engines}-${threads}`),
    options: { topK: 5 },
    engines,
    threads,
  });
  await job.finished([]);
  await job.open();
  let number = 0;
  return { work: (pictures) => job.write({ number, name: `${number++}.jsonl`, pictures }), dispose: () => job.dispose() };
}

/** transformers.js on onnxruntime-node, or its processor before onnxruntime-web. */
async function peerOf(peers, model, folder, { wasm, threads }) {
  const require = createRequire(join(resolve(peers), 'index.js'));
  const load = (name) => import(pathToFileURL(require.resolve(name)));
  const { env, pipeline, AutoProcessor, RawImage } = await load('@huggingface/transformers');
  Object.assign(env, { allowRemoteModels: false, localModelPath: join(resolve(peers), 'models') });
  const name = basename(model);
  const session_options = { intraOpNumThreads: threads };
  let classify;
  if (wasm) {
    const ort = (await load('onnxruntime-web')).default;
    ort.env.wasm.numThreads = threads;
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(join(env.localModelPath, name, 'onnx/model.onnx'))));
    const processor = await AutoProcessor.from_pretrained(name);
    classify = async (path) => {
      const { pixel_values: values } = await processor(await RawImage.read(path));
      const { logits } = await session.run({ pixel_values: new ort.Tensor('float32', values.data, values.dims) });
      const order = Array.from(logits.data, (value, label) => ({ label, value })).sort((a, b) => b.value - a.value);
      return order.slice(0, 5);
    };
  } else {
    const run = await pipeline('image-classification', name, { dtype: 'fp32', device: 'cpu', session_options });
    classify = (path) => run(path, { top_k: 5 });
  }
  return {
    async work(pictures) {
      const rows = [];
      for (const path of pictures) rows.push(JSON.stringify({ path, labels: await classify(path) }));
      writeFileSync(join(folder, 'peer.jsonl'), `${rows.join('\n')}\n`);
    },
    dispose: async () => undefined,
  };
}

await main(async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      engines: { type: 'string', default: '2' },
      pictures: { type: 'string', default: '8' },
      turns: { type: 'string', default: '3' },
      peers: { type: 'string' },
    },
  });
  const [model] = positionals;
  if (!model) throw new Failure('usage: node tools/bench/batch.mjs MODEL [--engines N] [--pictures N] [--turns N] [--peers FOLDER]');
  const [engines, count, turns] = [values.engines, values.pictures, values.turns].map(Number);
  const jpegs = readdirSync(samples).filter((name) => name.endsWith('.jpg'));
  const pictures = Array.from({ length: count }, (_, i) => join(samples, jpegs[i % jpegs.length]));
  const folder = mkdtempSync(join(tmpdir(), 'beit-bench-'));
  const weights = readdirSync(model).reduce((sum, name) => sum + (name.endsWith('.safetensors') ? statSync(join(model, name)).size : 0), 0);
  const forms = [
    ['1 engine, 1 thread', () => batchOf(model, folder, { engines: 1, threads: 1 })],
    [`1 engine, ${engines} threads`, () => batchOf(model, folder, { engines: 1, threads: engines })],
    [`${engines} engines, 1 thread`, () => batchOf(model, folder, { engines, threads: 1 })],
    ...(values.peers
      ? [
          [`transformers.js, onnxruntime-node, ${engines} threads`, () => peerOf(values.peers, model, folder, { threads: engines })],
          [`onnxruntime-web, ${engines} threads`, () => peerOf(values.peers, model, folder, { wasm: true, threads: engines })],
        ]
      : []),
  ].map(([name, open]) => ({ name, open, rates: [], processor: [] }));
  try {
    for (const form of forms) {
      const before = process.memoryUsage.rss();
      form.opened = await form.open();
      await form.opened.work(pictures.slice(0, 2 * engines));
      form.memory = process.memoryUsage.rss() - before;
    }
    for (let turn = 0; turn < turns; ++turn) {
      for (const { opened, rates, processor } of forms) {
        const began = performance.now();
        const used = process.cpuUsage();
        await opened.work(pictures);
        rates.push((1000 * count) / (performance.now() - began));
        const { user, system } = process.cpuUsage(used);
        processor.push((user + system) / 1000 / count);
      }
    }
    const first = median(forms[0].rates);
    for (const { name, rates, processor, memory } of forms) {
      say(
        `${name.padEnd(46)} ${median(rates).toFixed(2).padStart(6)}/s  ${(median(rates) / first).toFixed(2)} x  ${median(processor).toFixed(0)} ms of a processor a picture  ${(memory / 1e6).toFixed(0)} MB more resident (weights: ${(weights / 1e6).toFixed(0)})`,
      );
    }
  } finally {
    for (const { opened } of forms) await opened?.dispose();
    rmSync(folder, { recursive: true });
  }
});
