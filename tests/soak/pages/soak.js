// What the soak calls inside a page. Everything that is returned is plain data.
import * as beit from '../beit-wasm/dist/index.js';

const golden = (name) => new URL(`../fixtures/golden/models/${name}/`, import.meta.url).href;

const PICTURES = 400;
const KNOWN = [2, 3, 4, 5, 6];

let classify = null;
/** Of each load: what computes. */
let options = { threads: 1, device: 'cpu' };
/** What the server has drawn: { file, damaged }. Chromium keeps something of each answer, so they are fetched once. */
const drawn = [];

/** Returns a picture as a page may have it: a file, bytes, or what it has drawn. */
async function picture(number) {
  const { file, damaged } = drawn[number % PICTURES];
  if (damaged || number % 4 === 0) return { image: file, damaged };
  if (number % 4 === 1) return { image: new Uint8Array(await file.arrayBuffer()), damaged };
  const bitmap = await createImageBitmap(file).catch(() => null); // the browser has no PNM
  if (!bitmap) return { image: file, damaged };
  if (number % 4 === 2) return { image: bitmap, damaged, close: () => bitmap.close() };
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { image: context.getImageData(0, 0, width, height), damaged };
}

/** How often the page was told that it is hidden or frozen. */
const away = { hidden: 0, frozen: 0 };
document.addEventListener('visibilitychange', () => {
  if (document.hidden) ++away.hidden;
});
document.addEventListener('freeze', () => ++away.frozen);

globalThis.harness = {
  timesAway: () => away,

  async open(device = 'cpu') {
    options = { threads: 1, device };
    classify = await beit.pipeline('image-classification', new URL('../model/', import.meta.url).href, options);
    for (let number = 0; number < PICTURES; ++number) {
      const answer = await fetch(`../pictures/${number}`);
      drawn.push({ file: await answer.blob(), damaged: answer.headers.get('X-Damaged') === 'true' });
    }
    return this.answers();
  },

  /** What computes now: the GPU may have been lost. */
  device: () => classify.runtimeInfo().device,

  /** The answers to pictures that are the same each time. */
  async answers() {
    const answers = [];
    for (const number of KNOWN) answers.push(await classify((await picture(number)).image));
    return JSON.stringify(answers);
  },

  /** Does all but classify, for what the browser itself does not give back. */
  async control(from, count) {
    for (let number = from; number < from + count; ++number) (await picture(number)).close?.();
  },

  /** Classifies so many pictures. Returns { bad, problems, wasm }. */
  async run(from, count) {
    const problems = [];
    let bad = 0;
    for (let number = from; number < from + count; ++number) {
      const { image, damaged, close } = await picture(number);
      try {
        await classify(image);
        if (damaged) problems.push(`picture ${number} is damaged, and has an answer`);
      } catch (error) {
        if (!damaged || !(error instanceof beit.BeitError)) problems.push(`picture ${number}: ${error}`);
        ++bad;
      }
      close?.();
    }
    return { bad, problems, wasm: (await classify.memory()).heap };
  },

  /** Loads and disposes of so many models. Returns problems. */
  async loads(from, count) {
    const problems = [];
    const classes = [
      ['BeitForImageClassification', 'classify-patch16'],
      ['BeitModel', 'model-meanpool'],
      ['BeitForMaskedImageModeling', 'mim-shared-bias'],
      ['BeitForSemanticSegmentation', 'segment-aux'],
    ];
    for (let number = from; number < from + count; ++number) {
      const [name, folder] = classes[number % classes.length];
      const model = await beit[name].fromPretrained(golden(folder), options);
      if (!model.usable) problems.push(`load ${number}: the model is not usable`);
      if (model.runtimeInfo().device !== options.device) problems.push(`load ${number}: the model is on the ${model.runtimeInfo().device}`);
      await model.dispose();
    }
    return problems;
  },
};
