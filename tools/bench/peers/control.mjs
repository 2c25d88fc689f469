// How much faster two processes are than one at the moment: 2 where the machine really gives two cores.
import { spawn } from 'node:child_process';

const WORK =
  'let x = 0; const t = performance.now(); for (let i = 0; i < 4e8; ++i) x = Math.imul(x, 1664525) + 1013904223 | 0; console.log(performance.now() - t)';

function once() {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', `${WORK}; globalThis.x = x`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.on('close', (status) => (status === 0 ? resolve(Number(output)) : reject(new Error('The control failed.'))));
  });
}

/** Returns the throughput of two processes over that of one, from 1 to 2. */
export async function twoCores() {
  const alone = await once();
  const together = await Promise.all([once(), once()]);
  return (2 * alone) / Math.max(...together);
}
