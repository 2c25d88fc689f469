// Has a service worker, as an extension's background is one, classify a picture.
globalThis.answered = (async () => {
  const query = new URLSearchParams(location.search);
  const registration = await navigator.serviceWorker.register(`background-built.js${location.search}`, {
    type: query.get('type') ?? 'module',
  });
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (worker.state !== 'activated')
    await new Promise((resolve) => worker.addEventListener('statechange', () => worker.state === 'activated' && resolve()));
  const { port1, port2 } = new MessageChannel();
  const heard = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  registration.active.postMessage('classify', [port2]);
  const result = await heard;
  await registration.unregister();
  return result;
})();
