// What tests of the queue need: a Redis or Valkey of their own, and commands that say what they do.
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../tools/places.mjs';
import { afterwards, temporaryFolder } from './support.mjs';

/**
 * A server for the queue: BEIT_REDIS, or the system's Valkey or Redis. The last is Redis, too, where only Debian's redis-tools are, which
 * start no service: its programs are one, which goes by the name that it is called by.
 */
const SERVERS = [
  { program: process.env.BEIT_REDIS },
  { program: 'valkey-server' },
  { program: 'redis-server' },
  { program: 'redis-check-rdb', argv0: 'redis-server' },
];
const redis = SERVERS.find(({ program, argv0 = program }) => program && spawnSync(program, ['--version'], { argv0 }).status === 0);

// A machine that has much else to do takes its time.
const READY_MS = 30_000;

export const noQueue = !redis && 'no Redis or Valkey (BEIT_REDIS names its server)';

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server that keeps what it has been told in `folder`, and returns { port, address, restart(), stop() }. */
export async function startQueue(folder) {
  const port = await freePort();
  let child = null;
  let ended = null;
  const start = () => {
    const words = ['--port', String(port), '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    // Its output is this process's alone: a server that outlives it would hold what it had inherited open.
    child = spawn(redis.program, words, { argv0: redis.argv0, stdio: ['ignore', 'pipe', 'pipe'] });
    ended = new Promise((resolve) => child.on('error', resolve).on('close', resolve));
    return new Promise((resolve, reject) => {
      let said = '';
      const fail = (why) => {
        child.kill('SIGKILL');
        reject(new Error(`${redis.program} ${why}:\n${said}`));
      };
      const timer = setTimeout(() => fail('is not ready'), READY_MS);
      const hear = (text) => {
        said += text;
        if (!said.includes('Ready to accept connections')) return;
        clearTimeout(timer);
        said = '';
        resolve();
      };
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
      ended.then(() => {
        clearTimeout(timer);
        fail('has ended');
      });
    });
  };
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    port,
    address: `redis://127.0.0.1:${port}`,
    restart: async () => {
      await stop();
      await sleep(200);
      await start();
    },
    stop,
  };
}

/** Starts the command line. Returns { child, events, ended }; `imports`: modules that it loads first. */
export function startCommand(words, { imports = [] } = {}) {
  const first = imports.flatMap((address) => ['--import', address]);
  const child = spawn(process.execPath, [...first, join(root, 'dist/cli/main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events = [];
  let rest = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) events.push(JSON.parse(line));
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (status) => resolve({ status, complaint }));
  });
  return { child, events, ended };
}

/** As startQueue() and startCommand(); the test's end ends them. */
export async function queueFor(test) {
  const queue = await startQueue(temporaryFolder(test));
  afterwards(test, queue.stop);
  return queue;
}

export function commandFor(test, words) {
  const started = startCommand(words);
  afterwards(test, () => {
    started.child.kill('SIGKILL');
    return started.ended;
  });
  return started;
}
