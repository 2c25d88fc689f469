// What tests of the queue need: a Redis or Valkey of their own, and commands that say what they do.
import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../tools/places.mjs';

/** A server for the queue: BEIT_REDIS, or the system's Redis or Valkey. */
const program = [process.env.BEIT_REDIS, 'valkey-server', 'redis-server'].find((name) => {
  try {
    execFileSync(name ?? '', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

export const noQueue = !program && 'no Redis or Valkey (BEIT_REDIS names its server)';

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
  const start = async () => {
    const words = ['--port', String(port), '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.setEncoding('utf8');
    for await (const text of child.stdout.iterator({ destroyOnReturn: false })) if (text.includes('Ready to accept connections')) break;
    child.stdout.resume();
  };
  const stop = async () => {
    if (child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.on('close', resolve));
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
  const ended = new Promise((resolve) => child.on('close', (status) => resolve({ status, complaint })));
  return { child, events, ended };
}
