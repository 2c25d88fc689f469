// DALL-E's tokenizer against the reference: tokens exactly, pixels closely.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createEngine, DalleTokenizer } from '../../dist/node.js';
import { golden, rejects, temporaryFolder } from './support.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const folder = join(golden, 'dvae/dvae-tiny');

test("images become the reference's tokens, and tokens its images", async () => {
  const tokenizer = await DalleTokenizer.fromPretrained({ encoder: folder, decoder: join(folder, 'decoder.safetensors') }, { engine });
  const expected = await engine.readTensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))));
  const close = ({ dims, data }, name) => {
    assert.deepEqual(dims, expected[name].dims);
    expected[name].data.forEach((b, i) =>
      assert.ok(Math.abs(data[i] - b) <= 2e-4 + 1e-3 * Math.abs(b), `${name} ${i}: ${data[i]}, not ${b}`),
    );
  };
  const { tokens, logits } = await tokenizer.encodePixels(expected['in.image']);
  assert.deepEqual([...tokens.data], [...expected['out.tokens'].data]);
  close(logits, 'out.token_logits');
  const { decoderStats, reconstruction } = await tokenizer.decodeTokens(tokens);
  close(decoderStats, 'out.decoder_stats');
  close(reconstruction, 'out.reconstruction');
  const image = { width: 40, height: 30, channels: 3, data: Uint8Array.from({ length: 3600 }, (_, i) => i) };
  const encoded = await tokenizer.encode(image, { size: { height: 24, width: 32 } });
  assert.deepEqual([encoded.height, encoded.width, encoded.data.length], [3, 4, 12]);
  const picture = await tokenizer.decode(encoded);
  assert.deepEqual([picture.width, picture.height, picture.channels, picture.data.length], [32, 24, 3, 2304]);
  const wrong = await tokenizer.decode({ height: 1, width: 1, data: Int32Array.of(96) }).then(
    () => null,
    (error) => error,
  );
  assert.equal(wrong?.name, 'BeitError');
  await tokenizer.dispose();
  await rejects(tokenizer.encode(image), 'disposed');
});

test('a half is found by its name, whatever container the other has', async (t) => {
  const mixed = temporaryFolder(t);
  copyFileSync(join(folder, 'encoder.safetensors'), join(mixed, 'encoder.safetensors'));
  copyFileSync(join(folder, 'decoder.safetensors'), join(mixed, 'decoder.pkl'));
  const tokenizer = await DalleTokenizer.fromPretrained({ encoder: mixed, decoder: mixed }, { engine });
  assert.equal((await tokenizer.decode({ height: 1, width: 2, data: Int32Array.of(3, 95) })).width, 16);
  await tokenizer.dispose();
});
