// Downloads from a hub that fails in every way: resumed, retried, verified, or refused with a sentence.
import assert from 'node:assert/strict';
import test from 'node:test';
import { sumInPointer } from '../../dist/sources/http/hub-pointer.js';
import { nodeHttp } from '../../dist/platform/http-node.js';
import { pageIsHidden } from '../../dist/sources/http/presence.js';
import { retryAfter } from '../../dist/sources/http/retry.js';
import { hubSource, PLAIN_HTTP, urlSource } from '../../dist/sources/http/source.js';
import { readText } from '../../dist/sources/text.js';
import { startHub } from '../support/hub-server.mjs';
import { afterwards, collect, rejects, serve } from './support.mjs';

const bytes = Uint8Array.from({ length: 6_000_000 }, (_, i) => (i * 7919) >> 5);
const config = new TextEncoder().encode(JSON.stringify({ model_type: 'beit', padding: 'x'.repeat(5000) }));
const WEIGHTS = 'model.safetensors';
const QUICK = { retry: { delay: 1 } };
const NEVER = { retry: { attempts: 0 } };

const hub = await startHub({ 'owner/name/model.safetensors': bytes, 'owner/name/config.json': config });
test.after(() => hub.close());

/** Sets the faults, forgets the requests so far, and returns the source. */
function sourceWith(faults, options = {}, environment = nodeHttp) {
  hub.fail(`owner/name/${WEIGHTS}`, faults);
  hub.fail('owner/name/config.json');
  hub.requests.length = 0;
  return hubSource('owner/name', { host: hub.url, ...QUICK, ...options }, environment);
}

const ranges = () => hub.requests.filter(({ host }) => host === 'cdn').map(({ range }) => range);

async function readWhole(source) {
  const file = await source.open(WEIGHTS);
  try {
    const parts = [];
    // As a load reads: a header, then the rest in pieces.
    for (const [offset, length] of [
      [0, 8],
      [8, 999_992],
      [1_000_000, file.size - 1_000_000],
    ])
      parts.push(await collect(file.read(offset, length)));
    await file.finish();
    return Buffer.concat(parts);
  } finally {
    await file.close();
  }
}

const assertWhole = async (source) => assert.ok((await readWhole(source)).equals(bytes), 'the bytes that were served');

test('a redirect to a second host, which never sees the token', async () => {
  await assertWhole(sourceWith({}, { token: 'secret' }));
  assert.deepEqual(
    hub.requests.map(({ host, path, range }) => [host, path, range]),
    [
      ['hub', '/api/models/owner/name/revision/main', ''],
      ['hub', `/owner/name/resolve/${hub.commit()}/${WEIGHTS}`, 'bytes=0-'],
      ['cdn', `/owner/name/${WEIGHTS}`, 'bytes=0-'],
    ],
  );
  assert.deepEqual(
    hub.requests.map(({ headers }) => headers.authorization),
    ['Bearer secret', 'Bearer secret', undefined],
  );
});

test('text that comes compressed', async () => {
  assert.equal(await readText(sourceWith({}), 'config.json'), new TextDecoder().decode(config));
});

test('connections that break at any byte are resumed there, every byte checked', async () => {
  const cuts = [0, 1, 7, 8, 9, 999_999, 1_000_000, 1_000_001, 5_999_999, 6_000_000];
  await assertWhole(sourceWith({ cuts }));
  assert.deepEqual(
    ranges().map((range) => Number(/\d+/.exec(range)[0])),
    [0, ...cuts.slice(0, -1)].sort((a, b) => a - b),
    'each goes on where the last broke',
  );
  for (const { headers } of hub.requests.filter(({ host, range }) => host === 'cdn' && range !== 'bytes=0-')) {
    assert.equal(headers['if-range'], hub.etag(`owner/name/${WEIGHTS}`));
  }
});

test('ten cuts at random, from a server that knows no ranges', async () => {
  const cuts = Array.from({ length: 10 }, (_, i) => 13 + i * 555_555);
  await assertWhole(sourceWith({ cuts, noRanges: true }));
  assert.equal(ranges().length, 11);
});

test('a connection that always breaks at the same byte is given up', async () => {
  const cuts = Array(20).fill(500_000);
  await rejects(readWhole(sourceWith({ cuts })), 'network', /broke off after 500000 bytes/);
  assert.equal(ranges().length, 1 + 5, 'the first attempt and five more');
});

test('statuses that pass are waited for, others are not', async () => {
  await assertWhole(sourceWith({ statuses: [503, 500, 429, 502] }));
  assert.equal(ranges().length, 5);
  await assertWhole(sourceWith({ statuses: [520, 522, 524, 529] }));
  for (const status of [400, 501, 505]) {
    await rejects(readWhole(sourceWith({ statuses: [status] })), 'network', new RegExp(`status ${status}`));
    assert.equal(ranges().length, 1);
  }
  await rejects(readWhole(sourceWith({ statuses: Array(9).fill(503) })), 'network', /status 503/);
  assert.equal(ranges().length, 6);
  await rejects(readWhole(sourceWith({ statuses: [503] }, NEVER)), 'network', /status 503/);
});

test('Retry-After is kept to, and too long a wait is not begun', async () => {
  const begin = performance.now();
  await assertWhole(sourceWith({ statuses: [429], retryAfter: '1' }));
  assert.ok(performance.now() - begin >= 990);
  await rejects(readWhole(sourceWith({ statuses: [429], retryAfter: '3600' })), 'network', /status 429/);
  const now = Date.parse('Tue, 24 Nov 2026 03:00:00 GMT');
  assert.equal(retryAfter('Tue, 24 Nov 2026 03:00:05 GMT', now), 5000);
  assert.equal(retryAfter('Tue, 24 Nov 2026 02:00:05 GMT', now), 0);
  assert.equal(retryAfter('soon', now), null);
  assert.equal(retryAfter(null), null);
});

test('a wait can be stopped', async () => {
  const source = sourceWith({ statuses: [503] }, { retry: { delay: 60_000 } });
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 30);
  await assert.rejects(source.open(WEIGHTS, controller.signal), reason);
});

test('bytes that are not what their SHA-256 says', async () => {
  for (const flip of [0, 3_000_000, 5_999_999]) {
    await rejects(readWhole(sourceWith({ flip })), 'corrupt', /SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}/);
  }
  await rejects(readWhole(sourceWith({}, { sha256: { [WEIGHTS]: '0'.repeat(64) } })), 'corrupt', /expected 0{64}/);
  const sum = hub.sha256(`owner/name/${WEIGHTS}`).toUpperCase();
  await assertWhole(sourceWith({}, { sha256: { [WEIGHTS]: sum } }));
});

test('where redirects are not seen, as in a page, the sum is asked for, and an ETag of 64 digits is none', async (t) => {
  afterwards(t, () => hub.tell('sums'));
  const sum = hub.sha256(`owner/name/${WEIGHTS}`);
  const api = '/api/models/owner/name/revision/main';
  const raw = `/owner/name/raw/${hub.commit()}/${WEIGHTS}`;
  const rawOfBranch = `/owner/name/raw/main/${WEIGHTS}`;
  for (const [what, asked] of [
    ['sums', [api]],
    ['asterisks', [api, raw]],
    ['pointers', [api, rawOfBranch]],
    ['nothing', [api, rawOfBranch]],
  ]) {
    hub.tell(what);
    for (const [options, environment] of [
      [{}, PLAIN_HTTP],
      [{ fetch: (...of) => fetch(...of) }, nodeHttp],
    ]) {
      await assertWhole(sourceWith({}, options, environment));
      assert.deepEqual(
        hub.requests.map(({ path }) => path).filter((path) => [api, raw, rawOfBranch].includes(path)),
        asked,
      );
      const flipped = readWhole(sourceWith({ flip: 5_999_999 }, options, environment));
      if (what === 'nothing') assert.equal((await flipped).length, bytes.length, 'no sum is known');
      else await rejects(flipped, 'corrupt', new RegExp(`expected ${sum}`));
    }
  }
  await rejects(readWhole(sourceWith({ flip: 5_999_999 })), 'corrupt', new RegExp(`expected ${sum}`));
  assert.deepEqual(
    hub.requests.map(({ host }) => host),
    ['hub', 'hub', 'cdn'],
    'a redirect that is seen has it',
  );
});

test('the token goes along with the question for a sum; other files are not asked about', async () => {
  await assertWhole(sourceWith({}, { token: 'secret' }, PLAIN_HTTP));
  assert.equal(hub.requests.find(({ path }) => path.startsWith('/api/')).headers.authorization, 'Bearer secret');
  hub.tell('asterisks');
  await readText(sourceWith({}, {}, PLAIN_HTTP), 'config.json');
  hub.tell('sums');
  assert.deepEqual(
    hub.requests.map(({ path }) => path),
    ['/api/models/owner/name/revision/main', `/owner/name/resolve/${hub.commit()}/config.json`],
  );
});

test('pointers that are something else', () => {
  const sum = 'a'.repeat(64);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sum}\nsize 5\n`;
  assert.equal(sumInPointer(pointer), sum);
  for (const text of ['', pointer.slice(1), pointer.replace('sha256', 'sha1'), pointer.replace('aa', '')])
    assert.equal(sumInPointer(text), '', text);
});

test('a signed URL that has expired is asked of the hub again', async () => {
  for (const environment of [PLAIN_HTTP, nodeHttp]) {
    const file = await sourceWith({ cuts: [1_000_000] }, {}, environment).open(WEIGHTS);
    const first = await collect(file.read(0, 900_000));
    hub.expire();
    assert.ok(Buffer.concat([first, await collect(file.read(900_000, bytes.length - 900_000))]).equals(bytes));
    await file.finish();
    await file.close();
  }
});

test('a file is verified to its end though a load wants less, if its sum was given', async () => {
  for (const [options, code] of [
    [{ sha256: { [WEIGHTS]: hub.sha256(`owner/name/${WEIGHTS}`) } }, 'corrupt'],
    [{}, null],
  ]) {
    const file = await sourceWith({ flip: 5_500_000 }, options).open(WEIGHTS);
    await collect(file.read(0, 100));
    await collect(file.read(3_000_000, 100));
    const end = await file.finish().then(
      () => null,
      (error) => error.code,
    );
    await file.close();
    assert.equal(end, code);
  }
});

test('tensors that nobody wants are left out by ranges', async () => {
  const file = await sourceWith({}).open(WEIGHTS);
  for (const offset of [0, 2_000_000, 5_000_000])
    assert.ok((await collect(file.read(offset, 1000))).equals(bytes.subarray(offset, offset + 1000)));
  await file.finish();
  await file.close();
  assert.deepEqual(ranges(), ['bytes=0-', 'bytes=2000000-', 'bytes=5000000-']);
});

test('a file that changes while it is read', async () => {
  const file = await sourceWith({ cuts: [1_000_000] }).open(WEIGHTS);
  await collect(file.read(0, 900_000));
  hub.fail(`owner/name/${WEIGHTS}`, { etag: '"another"' });
  await rejects(collect(file.read(900_000, 2_000_000)), 'network', /changed on the server.*another/);
  await file.close();
});

test('answers that are no part of the file', async () => {
  const plain = (faults) => {
    sourceWith(faults);
    return urlSource(new URL(`${hub.cdn}/owner/name/${WEIGHTS}`), QUICK, nodeHttp);
  };
  await rejects(readWhole(plain({ contentRange: 'bytes 5-9/6000000' })), 'network', /the range bytes 5-9\/6000000, expected bytes from 0/);
  await rejects(readWhole(plain({ html: '<!doctype html><title>Sign in</title>' })), 'html', /web page/);
  const short = await rejects(readWhole(plain({ longer: 1000, noRanges: true })), 'network', /broke off after 6000000 bytes/);
  assert.match(short.where, /model\.safetensors$/);
  // The hub said how long it is.
  await rejects(
    readWhole(sourceWith({ longer: 1000, noRanges: true })),
    'network',
    /6001000 bytes, expected 6000000 bytes, as the hub says/,
  );
});

test('a server that tells neither length nor version', async () => {
  sourceWith({ noLength: true, noValidators: true, noRanges: true });
  const file = await urlSource(new URL(`${hub.cdn}/owner/name/${WEIGHTS}`), QUICK).open(WEIGHTS);
  assert.equal(file.size, -1);
  assert.ok((await collect(file.read(0, 7_000_000))).equals(bytes));
  await file.close();
});

test('an abort while the body comes', async () => {
  for (const stall of [8, 1_000_000]) {
    const controller = new AbortController();
    const reason = new Error('enough');
    const file = await sourceWith({ stall }).open(WEIGHTS, controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(collect(file.read(0, 2_000_000)), reason);
    await file.close();
  }
});

test('a server that says nothing, or stops, is given up and asked again after a time', async () => {
  await assertWhole(sourceWith({}, { retry: { attempts: 0, timeout: Infinity } })); // more than a timer can wait is not none
  const timeout = 150;
  const stalled = sourceWith({ stall: 1_000_000 }, { retry: { attempts: 1, delay: 1, timeout } });
  await rejects(readWhole(stalled), 'network', /did not answer within 0\.15 seconds/);
  assert.deepEqual(ranges(), ['bytes=0-', 'bytes=1000000-'], 'once it has stood still, it is asked for the rest');
  hub.network('silent');
  try {
    for (const environment of [nodeHttp, PLAIN_HTTP]) {
      const source = sourceWith({}, { retry: { attempts: 1, delay: 1, timeout } }, environment);
      await rejects(source.open(WEIGHTS), 'network', /did not answer within 0\.15 seconds/);
    }
    const deaf = sourceWith({}, { retry: { attempts: 0, timeout }, fetch: () => new Promise(() => {}) });
    await rejects(deaf.open('config.json'), 'network', /did not answer/);
  } finally {
    hub.network('good');
  }
});

test('who may not have a model is told what to do', async (t) => {
  const answers = { status: 401, reason: 'GatedRepo' };
  const { base } = await serve(t, (request, response) => {
    if (request.url.startsWith('/api/') && !answers.reason) return void response.writeHead(404).end();
    response
      .writeHead(answers.status, { 'X-Error-Code': answers.reason, 'X-Error-Message': 'Access to model owner/name is restricted.' })
      .end();
  });
  for (const [reason, token, sentence] of [
    [
      'GatedRepo',
      undefined,
      /this model is gated: it needs a token \(the option token\), for which access is asked for on the model's page/,
    ],
    ['GatedRepo', 'hf_x', /this model is gated: the token given has no access to it/],
    ['RepoNotFound', undefined, /there is no such public model, and a private one needs a token/],
    ['RepoNotFound', 'hf_x', /a private one needs another token/],
    ['', undefined, /the server refuses access \(status 401\); a token/],
  ]) {
    Object.assign(answers, { reason });
    const error = await rejects(
      hubSource('owner/name', { host: base, token, ...QUICK }, nodeHttp).open('config.json'),
      'unauthorized',
      sentence,
    );
    assert.equal(error.status, 401);
  }
});

test('a page without a network, or that nobody sees, waits for both instead of giving up', async (t) => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const set = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true });
  afterwards(t, () => {
    delete globalThis.document;
    delete globalThis.navigator;
    if (before) Object.defineProperty(globalThis, 'navigator', before);
  });
  set('document', page);
  for (const away of ['offline', 'hidden', 'hidden page of a worker']) {
    set('navigator', { onLine: away !== 'offline' });
    page.visibilityState = away === 'hidden' ? 'hidden' : 'visible';
    pageIsHidden(away.endsWith('worker'));
    const source = sourceWith({ cuts: Array(99).fill(3_000_000) }, { retry: { attempts: 1, delay: 1 } });
    const waits = [];
    const file = await source.open(WEIGHTS, null, { onWarning: ({ code }) => waits.push(code) });
    const reading = collect(file.read(0, bytes.length));
    while (waits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    hub.fail(`owner/name/${WEIGHTS}`);
    set('navigator', { onLine: true });
    page.visibilityState = 'visible';
    pageIsHidden(false);
    if (away === 'hidden') page.dispatchEvent(new Event('visibilitychange'));
    assert.ok((await reading).equals(bytes), away);
    assert.deepEqual(waits, ['network'], away);
    await file.finish();
    await file.close();
  }
  // What has not begun is waited for, unless the network is said to be there.
  hub.network('refusing');
  await rejects(sourceWith({}, { retry: { attempts: 1, delay: 1 } }).open(WEIGHTS), 'network');
  set('navigator', { onLine: false });
  const told = [];
  const opening = sourceWith({}, { retry: { attempts: 1, delay: 1 } }).open(WEIGHTS, null, { onWarning: ({ code }) => told.push(code) });
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  hub.network('good');
  set('navigator', { onLine: true });
  page.dispatchEvent(new Event('visibilitychange'));
  const begun = await opening;
  assert.ok((await collect(begun.read(0, bytes.length))).equals(bytes));
  assert.deepEqual(told, ['network']);
  await begun.close();
  // A wait can be stopped.
  set('navigator', { onLine: false });
  const controller = new AbortController();
  const file = await sourceWith({ cuts: Array(99).fill(3_000_000) }, { retry: { attempts: 1, delay: 1 } }).open(
    WEIGHTS,
    controller.signal,
    {
      onWarning: () => controller.abort(new Error('enough')),
    },
  );
  await assert.rejects(collect(file.read(0, bytes.length)), /enough/);
  await file.close();
});
