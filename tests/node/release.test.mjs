// What a release writes into the project's files.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { released } from '../../tools/release.mjs';
import { root } from './support.mjs';

const OTHERS = ['beit-wasm-avif', 'beit-wasm-batch', 'beit-wasm-samples', 'beit-wasm-training'];
const NAMES = ['package.json', ...OTHERS.map((name) => `packages/${name}/package.json`), 'package-lock.json', 'CHANGELOG.md'];
const texts = Object.fromEntries(NAMES.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
const release = { version: '9.8.7', repository: 'https://git.example/owner/beit.git', date: '2031-02-03' };

test('a release has one version everywhere, an address, provenance and a dated section', () => {
  const after = released(texts, release);
  const [manifest, ...rest] = NAMES.slice(0, -1).map((name) => JSON.parse(after[name]));
  const lock = rest.pop();
  for (const json of [manifest, ...rest]) {
    assert.equal(json.version, '9.8.7');
    assert.equal(json.repository.url, 'git+https://git.example/owner/beit.git');
    assert.equal(json.homepage, 'https://git.example/owner/beit#readme');
    assert.deepEqual(json.publishConfig, { access: 'public', provenance: true });
  }
  for (const [i, name] of OTHERS.entries()) {
    assert.equal(rest[i].repository.directory, `packages/${name}`);
    assert.equal(manifest.peerDependencies[name], '^9.8.7');
    assert.equal(lock.packages[`packages/${name}`].version, '9.8.7');
  }
  assert.deepEqual([lock.version, lock.packages[''].version], ['9.8.7', '9.8.7']);
  assert.match(after['CHANGELOG.md'], /\n## Unreleased\n\n## 9\.8\.7 - 2031-02-03\n/);
  // Nothing else is changed.
  const { dependencies, devDependencies, exports, files } = JSON.parse(texts['package.json']);
  for (const [key, value] of Object.entries({ dependencies, devDependencies, exports, files })) assert.deepEqual(manifest[key], value, key);
});

test('a release without an address, a version or a date is refused, and so is one that was made', () => {
  assert.throws(() => released(texts, { ...release, repository: '' }), /--repository/);
  assert.throws(() => released(texts, { ...release, version: 'v1' }), /v1 is no version/);
  assert.throws(() => released(texts, { ...release, date: 'today' }), /no date/);
  assert.throws(() => released(released(texts, release), release), /9\.8\.7 already/);
});
