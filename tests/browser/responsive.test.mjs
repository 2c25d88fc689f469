// Where a page's pictures are worked on: not in the page. Counted in turns of its event loop, not in time; for the time see
// tools/bench/responsive.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BROWSERS } from './support/browsers.mjs';
import { assertClean } from './support/clean.mjs';
import { suiteWithHarness } from './support/harness.mjs';

const FORMS = ['file', 'element', 'bitmap', 'samples'];

for (const name of Object.keys(BROWSERS)) {
  describe(`turns of a page in ${name}`, () => {
    const suite = suiteWithHarness(name, 'tests/responsive.html');

    it('go on while a large picture is segmented, with legend and overlay, and the answer is the same', async (t) => {
      const segment = (worker) => suite.call('segment', { width: 1600, height: 1200, forms: FORMS, worker, build: 'simd' });
      const here = await segment(false);
      const there = await segment(undefined);
      for (const [i, form] of FORMS.entries()) {
        assert.deepEqual([here[i].worker, there[i].worker], [false, true]);
        assert.deepEqual(there[i].answer, here[i].answer, form);
        assert.deepEqual([there[i].answer.width, there[i].answer.height, there[i].answer.pixels], [1600, 1200, 1600 * 1200]);
        // In the page a turn comes between two steps; beside a worker they never stop.
        assert.ok(there[i].turns > 10 * here[i].turns, `${form}: ${there[i].turns} turns beside a worker, ${here[i].turns} in the page`);
        t.diagnostic(`${form}: ${there[i].turns} turns beside a worker, ${here[i].turns} in the page`);
      }
    });

    it('has nothing to complain about', () => assertClean(suite.page, suite.complaints, suite.server));
  });
}
