// Changes two things in Emscripten's pthread library.
addToLibrary({
  // The original parks an Atomics.waitAsync on the linear memory for ever, in every thread: that
  // waiter keeps the memory, and with it the whole module, alive after the last reference to it is
  // gone. Without it threads wake each other by postMessage, as they do in engines that have no
  // waitAsync; only proxied calls do so, and this library makes none while it computes.
  _emscripten_thread_mailbox_await__deps: [],
  _emscripten_thread_mailbox_await: (pthread_ptr) => {},
});

// Where the factory's settings have createThread, workers come from there and not from `new Worker`:
// Firefox (153) now and then blocks for ever in a worker that makes a worker (31 of 1500 times).
// Otherwise the module is posted once the worker says that it listens: see pthread_worker.js.
{
  const pthread = LibraryManager.library.$PThread;
  // A method by another name has to be written as a function: the linker prints its text.
  pthread.allocateWorker = Function(`return function ${pthread.allocateUnusedWorker}`)();
  pthread.allocateUnusedWorker = () => {
    if (Module['createThread']) {
      PThread.unusedWorkers.push(Module['createThread']());
      return;
    }
    PThread.allocateWorker();
    if (ENVIRONMENT_IS_NODE) return;
    const worker = PThread.unusedWorkers.at(-1);
    worker.listens = new Promise((resolve) => {
      worker.onmessage = resolve;
    });
    worker.onerror = (event) =>
      readyPromiseReject(new Error(`a thread's script cannot be run${event.message ? ` (${event.message})` : ''}`));
  };
  pthread.loadWasmModuleIntoListening = pthread.loadWasmModuleToWorker;
  pthread.loadWasmModuleToWorker = async (worker) => {
    await worker.listens;
    return PThread.loadWasmModuleIntoListening(worker);
  };
}
