// Changes two things in Emscripten's pthread library.
addToLibrary({
  // The original parks an Atomics.waitAsync on the linear memory for ever, in every thread: that
  // waiter keeps the memory, and with it the whole module, alive after the last reference to it is
  // gone. Without it threads wake each other by postMessage, as they do in engines that have no
  // waitAsync; only proxied calls do so, and this library makes none while it computes.
  _emscripten_thread_mailbox_await__deps: [],
  _emscripten_thread_mailbox_await: (pthread_ptr) => {},
});

// Firefox now and then loses what is posted to a module worker before its module has run, here the
// message that hands the wasm over: the factory then waits for ever (2 of 200 starts, Firefox 153).
// So that message waits for the worker's word that it listens, which pthread_listens.js posts.
{
  const pthread = LibraryManager.library.$PThread;
  // A method by another name has to be written as a function: the linker prints its text.
  pthread.allocateWorker = Function(`return function ${pthread.allocateUnusedWorker}`)();
  pthread.allocateUnusedWorker = () => {
    PThread.allocateWorker();
    const worker = PThread.unusedWorkers.at(-1);
    worker.listens = ENVIRONMENT_IS_NODE ? Promise.resolve() : new Promise((resolve) => { worker.onmessage = resolve; });
    worker.onerror = (event) => readyPromiseReject(new Error(`a thread's script cannot be run${event.message ? ` (${event.message})` : ''}`));
  };
  pthread.loadWasmModuleIntoListening = pthread.loadWasmModuleToWorker;
  pthread.loadWasmModuleToWorker = (worker) => worker.listens.then(() => PThread.loadWasmModuleIntoListening(worker));
}
