// A worker that opens a kept file and has it until it is told otherwise, or ended.
import { requireBrowserCache } from '../beit-wasm/dist/sources/cache/browser.js';

let file = null;
const asked = {
  async open(url) {
    const kept = await (await requireBrowserCache()).find(url);
    file = await kept.open();
    return file.readSync ? 'handle' : 'blob';
  },
  /** The sum of all bytes, from the way that the loader takes. */
  async sum() {
    const bytes = new Uint8Array(file.size);
    if (file.readSync) {
      file.readSync(bytes, 0);
    } else {
      let position = 0;
      for await (const chunk of file.read(0, file.size)) {
        bytes.set(chunk, position);
        position += chunk.length;
      }
    }
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  },
  close: () => file.close(),
};

self.onmessage = async ({ data: [method, ...args] }) => {
  postMessage(await asked[method](...args).catch((error) => `${error.name}: ${error.message}`));
};
postMessage('listening');
