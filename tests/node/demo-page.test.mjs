// What the page takes from its address, and what it says, without a page.
import assert from 'node:assert/strict';
import test from 'node:test';
import { takeLinkedPicture } from '../../demo/page/links.js';
import { explainLoading } from '../../demo/page/sentences.js';
import { patchGrid, seenRegion } from '../../demo/pictures/view.js';

/** What becomes of the picture of a link: its name, or why it is refused. */
async function linked(address) {
  globalThis.document = { baseURI: 'https://example.org/demo/' };
  const { fetch } = globalThis;
  globalThis.fetch = async () => new Response('a picture');
  const taken = [];
  try {
    await takeLinkedPicture(address, { take: ({ name }) => taken.push(name), refuse: (sentence) => taken.push(sentence) });
  } finally {
    globalThis.fetch = fetch;
    delete globalThis.document;
  }
  return taken;
}

test('the picture of a link has its name, however that is written', async () => {
  assert.deepEqual(await linked('pictures/a%20dog.jpg?size=2'), ['a dog.jpg']);
  assert.deepEqual(await linked('https://example.com/'), ['example.com']);
  assert.deepEqual(await linked('https://example.com/100%.jpg'), ['100%.jpg']);
  assert.match((await linked('http://'))[0], /is no address/);
});

test('who lacks something is told what is needed, and where that is', () => {
  const { sentence } = explainLoading({ code: 'unsupported', message: '' });
  assert.match(sentence, /SIMD and exceptions, and workers that are modules/);
  // Of each engine the first that has all three.
  assert.match(sentence, /Chrome and Edge have them from 95, Firefox from 114, Safari from 16\.4/);
});

test('a picture is seen as far as its processor leaves it', () => {
  const use = (processor) => ({ model: { config: { patchSize: { width: 16, height: 16 } } }, processor: { config: processor } });
  const crop = { doCenterCrop: true, cropSize: { width: 224, height: 224 } };
  const [wide, tall] = [
    { width: 800, height: 600 },
    { width: 600, height: 800 },
  ];
  for (const [processor, picture, [width, height], [rows, columns]] of [
    [{ doResize: true, size: { width: 256, height: 256 }, ...crop }, wide, [224 / 256, 224 / 256], [14, 14]],
    // timm's evaluation.
    [{ doResize: true, size: { shortestEdge: 248 }, ...crop }, wide, [224 / 330, 224 / 248], [14, 14]],
    [{ doResize: true, size: { shortestEdge: 248 }, ...crop }, tall, [224 / 248, 224 / 330], [14, 14]],
    [{ doResize: true, size: { shortestEdge: 240 }, doCenterCrop: false }, wide, [1, 1], [15, 20]],
    [{ doResize: true, size: { shortestEdge: 224 }, doCenterCrop: false }, { width: 306, height: 612 }, [1, 1], [28, 14]],
    [{ doResize: false, size: { width: 256, height: 256 }, ...crop }, wide, [224 / 800, 224 / 600], [14, 14]],
    [{ doResize: true, size: { width: 128, height: 192 }, ...crop }, wide, [1, 1], [14, 14]],
  ]) {
    const region = { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
    assert.deepEqual(seenRegion(processor, picture), region);
    assert.deepEqual(patchGrid(use(processor), picture), { rows, columns });
  }
});
