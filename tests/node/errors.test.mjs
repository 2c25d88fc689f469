import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitError, failure, mismatch, packError, fromCoreError, unwrap } from '../../dist/base/errors.js';
import { root } from './support.mjs';

test('a BeitError is an Error with a code and the facts apart', () => {
  const error = mismatch('wrong-shape', 'classifier.weight', '[2, 3]', '[2, 4]');
  assert.ok(error instanceof Error && error instanceof BeitError);
  assert.equal(error.message, 'classifier.weight: got [2, 3], expected [2, 4].');
  assert.deepEqual([error.code, error.where, error.got, error.expected], ['wrong-shape', 'classifier.weight', '[2, 3]', '[2, 4]']);
  assert.equal(failure('io', 'a.png', 'it is gone').message, 'a.png: it is gone.');
});

test('an error survives being posted', () => {
  const error = mismatch('html', 'x', 'a', 'b');
  const copy = fromCoreError(structuredClone(packError(error)));
  assert.deepEqual({ ...copy }, { ...error });
  assert.equal(copy.message, error.message);
  assert.equal(packError(new TypeError('odd')).code, 'internal');
});

test("unwrap returns the value or throws the core's error", () => {
  assert.equal(unwrap({ ok: true, value: 5 }), 5);
  assert.throws(
    () => unwrap({ ok: false, error: { code: 'html', message: 'No.', where: 'w', got: '', expected: '' } }),
    (error) => error instanceof BeitError && error.code === 'html' && error.where === 'w',
  );
});

test('TypeScript knows every code of the C++ library', () => {
  const source = readFileSync(join(root, 'src/base/result.cpp'), 'utf8');
  const codes = [...source.matchAll(/ErrorCode::k\w+: return "([a-z-]+)"/g)].map((match) => match[1]);
  assert.ok(codes.length >= 13);
  const declared = readFileSync(join(root, 'dist/base/errors.d.ts'), 'utf8');
  for (const code of codes) assert.ok(declared.includes(`'${code}'`), code);
});
