// A short form of what `npm run soak` does in a page.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { soakAway, soakPage, soakPageLoads } from '../soak/page.mjs';

it('pictures of all kinds leave nothing behind in Chromium', async () => {
  const { count, problems, faults } = await soakPage((done) => done >= 120, { first: 40, every: 40 });
  assert.deepEqual([count, problems], [120, []]);
  assert.match(faults, /damaged/);
});

it('models that are disposed of leave no worker behind in Chromium', async () => {
  const { problems } = await soakPageLoads((done) => done >= 12, { first: 4, every: 4 });
  assert.deepEqual(problems, []);
});

it('a page that is hidden or frozen during loads and passes goes on', async () => {
  const { problems } = await soakAway((done) => done >= 4, { longest: 300 });
  assert.deepEqual(problems, []);
});
