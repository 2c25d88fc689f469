// What every project of these tests does: the first lines of README, and what came of them.
export async function answer({ configure, pipeline }) {
  const given = new URLSearchParams(location.search).get('assets');
  if (given) configure({ assets: given });
  try {
    const classify = await pipeline('image-classification');
    const [{ label, score }] = await classify(new URL('harbour.jpg', location.href));
    return { label, score, info: classify.runtimeInfo() };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}
