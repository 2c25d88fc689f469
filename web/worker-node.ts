/** Entry of a Node worker thread. */
import { parentPort, type Transferable as NodeTransferable } from 'node:worker_threads';
import { hostEngine } from './engine/host.js';
import type { FromWorker, ToWorker } from './engine/protocol.js';
import { nodeGpu, nodeHost, readNodeAsset } from './platform/host-node.js';
import { nodeHttp } from './platform/http-node.js';
import { FolderSource } from './sources/folder-node.js';
import { openDescription } from './sources/resolve.js';

hostEngine(
  {
    post: (message: FromWorker, transfer) => parentPort?.postMessage(message, transfer as NodeTransferable[]),
    listen: (onMessage) => {
      parentPort?.on('message', (message: ToWorker) => onMessage(message));
    },
    terminate: async () => undefined,
  },
  nodeHost,
  (description) => (description.kind === 'folder' ? new FolderSource(description) : openDescription(description, nodeHttp)),
  { readAsset: readNodeAsset, findGpu: nodeGpu },
);
