// Keeps THREADS cores busy until it is killed, or its parent is gone; sends a message once all are.
//   burner-child.mjs THREADS
import { Worker } from 'node:worker_threads';

const workers = Array.from(
  { length: Number(process.argv[2]) },
  () => new Worker("require('node:worker_threads').parentPort.postMessage(null); for (;;);", { eval: true }),
);
await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
process.on('disconnect', () => process.exit());
process.send('busy');
