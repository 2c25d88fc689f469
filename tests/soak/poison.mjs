// What a worker loads first in the soak: pictures that end its process, and pictures that run into a bug of it.
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { readFile } = promises;

promises.readFile = (path, ...rest) => {
  if (String(path).endsWith('deadly.img')) process.kill(process.pid, 'SIGKILL');
  if (String(path).endsWith('bug.img')) return Promise.resolve(null);
  return readFile(path, ...rest);
};
syncBuiltinESMExports();
