import assert from 'node:assert/strict';

/** Asserts that nothing was complained about: not on the console, not against the policy. */
export async function assertClean(page, complaints, server) {
  assert.deepEqual(await page.evaluate(() => globalThis.policyViolations), []);
  assert.deepEqual(complaints, []); // of WebKit they come with the answer to a call
  assert.deepEqual(server.reports, []);
}
