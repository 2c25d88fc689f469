// Runs in a thread's worker of a page, in the same task as the line that starts to listen: see
// pthread_library.js. Node's workers lose nothing.
if (ENVIRONMENT_IS_PTHREAD && !ENVIRONMENT_IS_NODE) postMessage('listening');
