import { usageError, type CommandSpec } from './arguments.js';
import { batchPackage, library } from './batch.js';

const ACTIONS = ['status', 'pause', 'resume', 'drain'];

export const queue: CommandSpec = {
  name: 'queue',
  summary: 'tells what is on the queue of beit batch, stops it and lets it go on (package beit-wasm-batch)',
  operands: { name: ACTIONS.join('|'), least: 1, most: 1 },
  options: [
    { name: 'queue', value: 'redis://…', help: 'the queue, in Redis or Valkey', required: true },
    { name: 'json', help: 'print JSON' },
  ],
  details: [
    'pause: workers finish the shards that they have and take no other, until resume.',
    'drain: takes all shards off the queue that no worker has; beit batch --resume puts them on it again.',
  ],
  async run(parsed) {
    const action = parsed.operands[0]!;
    if (!ACTIONS.includes(action)) throw usageError(`${JSON.stringify(action)} is none of ${ACTIONS.join(', ')}; see beit queue --help.`);
    const { controlQueue } = await batchPackage();
    await controlQueue(library, { queue: parsed.value('queue'), action, json: parsed.flag('json') });
    return 0;
  },
};
