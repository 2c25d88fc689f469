/** Entry of a Node worker thread. */
import { parentPort, type Transferable as NodeTransferable } from 'node:worker_threads';
import { nodeHost } from './host-node.js';
import { nodeHttp } from './http-node.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { openDescription } from './resolve-source.js';
import { FolderSource } from './source-node.js';
import { hostEngine } from './worker-host.js';

hostEngine({
  post: (message: FromWorker, transfer) => parentPort?.postMessage(message, transfer as NodeTransferable[]),
  listen: (onMessage) => {
    parentPort?.on('message', (message: ToWorker) => onMessage(message));
  },
  terminate: async () => undefined,
}, nodeHost, (description) => description.kind === 'folder' ? new FolderSource(description) : openDescription(description, nodeHttp));
