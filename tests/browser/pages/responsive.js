// What the test and the benchmark of a page's turns call inside the page. Everything that is returned is plain data.
import '../beit-wasm-samples/index.js';
import { pipeline } from '../beit-wasm/dist/index.js';

const SAMPLE = new URL('../samples/beach.jpg', location.href);

/** Returns the sample at that size, in each form in which a page may have a picture. */
async function pictures(width, height) {
  const sample = await createImageBitmap(await (await fetch(SAMPLE)).blob());
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(sample, 0, 0, width, height);
  const file = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
  const element = new Image();
  element.src = URL.createObjectURL(file);
  await element.decode();
  return {
    file,
    element,
    bitmap: await createImageBitmap(file),
    samples: context.getImageData(0, 0, width, height),
  };
}

/** Counts turns of the page's event loop, and notes the longest wait for one and the longest task, until stop(). */
function watchTurns() {
  let turns = 0;
  let longest = 0;
  let last = performance.now();
  let going = true;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    if (!going) return;
    ++turns;
    port2.postMessage(null);
  };
  port2.postMessage(null);
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 4);
  const tasks = [];
  // Not in Firefox.
  const observer = PerformanceObserver.supportedEntryTypes.includes('longtask')
    ? new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
    : null;
  observer?.observe({ type: 'longtask' });
  return {
    async stop() {
      going = false;
      // The last task is told of after its end.
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      clearInterval(timer);
      observer?.disconnect();
      return { turns, longestWait: longest, longestTask: Math.max(0, ...tasks), tasks: tasks.length };
    },
  };
}

/** Returns a number that follows from all elements. */
function sumOf(array) {
  let sum = 0;
  for (let i = 0; i < array.length; ++i) sum = (Math.imul(sum, 31) + array[i]) | 0;
  return sum;
}

globalThis.harness = {
  /** Segments a picture in each of these forms, with legend and overlay: what came out, and what the page's turns were. */
  async segment({ width, height, forms, ...options }) {
    const given = await pictures(width, height);
    const segment = await pipeline('image-segmentation', null, options);
    await segment(SAMPLE);
    const rows = [];
    for (const form of forms) {
      const watch = watchTurns();
      const begin = performance.now();
      const { labels, legend, overlay, ...size } = await segment(given[form], { overlay: true });
      const milliseconds = performance.now() - begin;
      rows.push({
        form,
        milliseconds,
        ...(await watch.stop()),
        worker: segment.runtimeInfo().worker,
        answer: { ...size, legend, labels: sumOf(labels), overlay: sumOf(overlay.data), pixels: overlay.data.length / 4 },
      });
      // The sums are a long task of their own, which is not the next form's.
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    await segment.dispose();
    return rows;
  },
};
