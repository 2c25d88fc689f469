// Figures of speed are what a benchmark wrote down: documents show them from its file, and comments give reasons.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { blockOf, partsOf, readFigures, sentenceOf } from '../../tools/bench/kernels.mjs';
import { headlineOf, sentencesOf, tableOf } from '../../tools/bench/peers-table.mjs';
import { root } from '../../tools/places.mjs';

const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const peers = JSON.parse(read('tools', 'bench', 'peers.json'));

test('ARCHITECTURE.md shows the kernels as kernels.json has them', () => {
  assert.equal(partsOf(read('ARCHITECTURE.md'))[1], blockOf(readFigures()));
});

const says = (path, texts) => {
  const document = read(...path.split('/')).replace(/\s+/g, ' ');
  for (const text of texts) assert.ok(document.includes(text), `${path} does not say "${text}"`);
};

test('the guide of measurements says of the kernels what kernels.json has', () => {
  says('docs/guides/measurements.md', [sentenceOf(readFigures())]);
});

test('the guide of measurements and README.md show the libraries as peers.json has them', () => {
  says('docs/guides/measurements.md', [...tableOf(peers), ...sentencesOf(peers)]);
  says('README.md', headlineOf(peers));
});

/** A rate of a kernel, or the processor that one was measured on. */
const FIGURE = /\d[\d.]* ?GFLOP|\b(Zen \d|EPYC|Xeon)\b/;

test('no other document and no comment states a rate of a kernel', () => {
  const sources = ['src', 'weights/reading', 'bindings', 'cmake', 'web'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(h|cpp|c|ts|js|cmake|txt|md)$/.test(name))
      .map((name) => join(folder, name)),
  );
  const [before, , behind] = partsOf(read('ARCHITECTURE.md'));
  const texts = [
    ['ARCHITECTURE.md', before + behind],
    ['CONTRIBUTING.md', read('CONTRIBUTING.md')],
    ...sources.map((name) => [name, read(name)]),
  ];
  const found = texts.flatMap(([name, text]) =>
    text
      .split('\n')
      .filter((line) => FIGURE.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  );
  assert.deepEqual(found, []);
});
