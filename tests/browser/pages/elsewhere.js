// What elsewhere.test.mjs calls inside a page: the library, imported from any address.
import '../beit-wasm-samples/index.js';

globalThis.elsewhere = async (library, options = {}, { page = {}, factory = '', binary = '' } = {}) => {
  const { BeitError, configure, pipeline } = await import(library);
  configure(page);
  const own = {
    ...(factory && { workerFactory: () => new Worker(factory, { type: 'module' }) }),
    ...(binary && { wasmBinary: await (await fetch(binary)).arrayBuffer() }),
  };
  try {
    const classify = await pipeline('image-classification', null, { ...options, ...own });
    const [{ label }] = await classify(new URL('../samples/beach.jpg', location.href));
    const info = classify.runtimeInfo();
    await classify.dispose();
    return { label, info };
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    return { code: error.code, message: error.message };
  }
};
