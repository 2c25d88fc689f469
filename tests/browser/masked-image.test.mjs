// Masked images in a page: the same masks as in Node, and the same answers for what a canvas shows.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { blockMask, pipeline } from '../../dist/node.js';
import { maskedFiles } from '../node/tiny-checkpoint.mjs';
import { BROWSERS } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { suiteWithHarness } from './support/harness.mjs';
import { root } from './support/server.mjs';

const DVAE = 'golden/dvae/dvae-tiny';
const BUILD = { build: 'simd', threads: 1 };
const files = maskedFiles(96);
const [width, height] = [40, 24];
const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 13) ^ (i >> 5));
const samples = Array.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 ? 255 : rgb[(i >> 2) * 3 + (i % 4)]));

for (const name of Object.keys(BROWSERS)) {
  describe(`masked images in ${name}`, () => {
    const suite = suiteWithHarness(name, 'tests/harness.html');

    it('a seed gives the same mask as in Node', async () => {
      for (const grid of [{}, { height: 40, width: 40, ratio: 0.6 }, { height: 3, width: 50, minAspect: 0.1 }]) {
        const masks = await suite.call('masks', grid, 100);
        assert.equal(masks.length, 100);
        masks.forEach((mask, seed) => assert.equal(mask, blockMask({ ...grid, seed }).data.join('')));
      }
    });

    it('a canvas gives the same predictions, accuracy and pictures as its samples in Node', async () => {
      const call = { ratio: 0.5, seed: 11 };
      const predict = await pipeline('masked-image-modeling', files, { ...BUILD, tokenizer: join(root, 'tests/fixtures', DVAE) });
      const expected = await predict({ width, height, channels: 3, data: rgb }, call);
      await predict.dispose();
      const asLists = Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, [...bytes]]));
      const found = await suite.call('predictMasked', asLists, DVAE, { width, height, samples }, call, BUILD);
      assert.deepEqual(found.trueTokens, [...expected.trueTokens.data]);
      assert.deepEqual(found.maskedImage, [...expected.maskedImage.data]);
      assert.equal(found.accuracy, expected.accuracy);
      assert.deepEqual(
        found.predictions.map(({ patch, token }) => [patch, token]),
        expected.predictions.map(({ patch, token }) => [patch, token]),
      );
      const { data, ...size } = expected.reconstruction;
      assert.deepEqual([found.reconstruction.width, found.reconstruction.height], [size.width, size.height]);
      // exp() of two engines may differ in its last bit, and a sample by one.
      found.reconstruction.data.forEach((sample, i) => assert.ok(Math.abs(sample - data[i]) <= 1));
      await assertClean(suite.page, suite.complaints, suite.server);
    });
  });
}
