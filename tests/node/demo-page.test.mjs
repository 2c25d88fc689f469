// What the page takes from its address, and what it says, without a page.
import assert from 'node:assert/strict';
import test from 'node:test';
import { takeLinkedPicture } from '../../demo/page/links.js';
import { explainLoading } from '../../demo/page/sentences.js';

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
