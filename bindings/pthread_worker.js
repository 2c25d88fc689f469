// Runs first in a thread's worker in a browser. The worker says that it listens: Firefox now and then
// loses what is posted to a module worker before its module has run. If a port is the answer, the
// thread talks through it from then on, with the engine that asked for the thread.
if (ENVIRONMENT_IS_PTHREAD && !ENVIRONMENT_IS_NODE) {
  addEventListener('message', ({ data: { port } }) => {
    if (!port) return;
    globalThis.postMessage = (message, transfer) => port.postMessage(message, transfer);
    port.onmessage = (event) => self.onmessage(event);
  });
  postMessage('listening');
}
