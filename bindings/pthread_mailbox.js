// Replaces one function of Emscripten's pthread library. The original parks an Atomics.waitAsync on
// the linear memory for ever, in every thread: that waiter keeps the memory, and with it the whole
// module, alive after the last reference to it is gone. Without it threads wake each other by
// postMessage, as they do in engines that have no waitAsync; only proxied calls do so, and this
// library makes none while it computes.
addToLibrary({
  _emscripten_thread_mailbox_await__deps: [],
  _emscripten_thread_mailbox_await: (pthread_ptr) => {},
});
