globalThis.answered = (async () => {
  await import('./node_modules/beit-wasm-samples/index.js');
  const { answer } = await import('./answer.js');
  return answer(await import('./node_modules/beit-wasm/dist/index.js'));
})();
