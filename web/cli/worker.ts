import { wholeNumber, type CommandSpec } from './arguments.js';
import { batchPackage, library, RUN_OPTIONS, runOptions, sampleFor, type Task } from './batch.js';
import { openSource } from './downloads.js';

export const worker: CommandSpec = {
  name: 'worker',
  summary: 'does shards that beit batch has put on a queue (package beit-wasm-batch)',
  operands: { name: '', least: 0, most: 0 },
  options: [
    { name: 'queue', value: 'redis://…', help: 'the queue, in Redis or Valkey', required: true },
    {
      name: 'lock',
      value: 'SECONDS',
      help: 'a shard comes back when its worker is silent for so long (default: 30)',
      parse: wholeNumber(3600),
    },
    ...RUN_OPTIONS,
  ],
  details: ['SIGINT finishes the shard under way; a second one, or SIGTERM, puts it back.'],
  async run(parsed) {
    const { runWorker } = await batchPackage();
    const openModel = async (name: string | null, task: Task) => {
      const { source, watch } = await openSource(name ?? undefined);
      return { source: source ?? (await sampleFor(task)), load: watch };
    };
    const status = await runWorker(library, {
      ...runOptions(parsed),
      queue: parsed.value('queue'),
      openModel,
      lock: parsed.value<number>('lock'),
    });
    // A connection that waits for a queue which is away would hold the process.
    process.exit(status);
  },
};
