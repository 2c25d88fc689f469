// Answers { image, port } with the labels, in whatever kind of worker this runs.
export async function answer(pipeline, { image, port }, options) {
  try {
    const classify = await pipeline('image-classification', null, options);
    const labels = await classify(image);
    const info = classify.runtimeInfo();
    await classify.dispose();
    port.postMessage({ labels, info });
  } catch (error) {
    port.postMessage({ error: String(error) });
  }
}
