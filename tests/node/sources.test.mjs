import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { spawnSync } from 'node:child_process';
import { inspect } from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { FilesSource } from '../../dist/sources/memory.js';
import { hubSource, urlSource } from '../../dist/sources/http/source.js';
import { RemoteSource, serveSource } from '../../dist/sources/bridge.js';
import { ReadOnce } from '../../dist/sources/read-once.js';
import { isHubId } from '../../dist/sources/source.js';
import { readOptionalText, readText } from '../../dist/sources/text.js';
import { afterwards, collect, fileServer, rejects, serve, temporaryFolder } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7919) >> 3);
const once = { retry: { attempts: 0 } };
const at = (offset, length) => Buffer.from(bytes.subarray(offset, offset + length));

// Every source must give the same bytes for the same reads, whatever lies beneath.
const reads = [
  [0, 8],
  [8, 1000],
  [2000, 3_000_000],
  [3_100_000, 10],
  [4_999_990, 10],
  [5, 5],
];

async function checkReads(source, sizeKnown = true) {
  const file = await source.open('model.safetensors');
  assert.equal(file.size, sizeKnown ? bytes.length : -1);
  for (const [offset, length] of reads) {
    assert.ok(at(offset, length).equals(await collect(file.read(offset, length))), `${offset}+${length}`);
  }
  assert.equal((await collect(file.read(4_999_000, 5000))).length, 1000, 'a read ends where the file ends');
  await file.close();
  await rejects(source.open('absent.json'), 'not-found', /absent\.json/);
  assert.equal(await readOptionalText(source, 'absent.json'), null);
}

test('bytes', async () => {
  const source = new FilesSource({ 'model.safetensors': bytes });
  await checkReads(source);
  assert.equal(source.describe(), null);
});

test('blobs', async () => {
  await checkReads(new FilesSource({ 'model.safetensors': new Blob([bytes]) }));
});

test('a folder', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'model.safetensors'), bytes);
  const source = await platform.resolveSource(folder, {});
  await checkReads(source);
  const file = await source.open('model.safetensors');
  const target = new Uint8Array(100);
  assert.equal(file.readSync(target, 4_999_950), 50);
  assert.ok(at(4_999_950, 50).equals(target.subarray(0, 50)));
  await file.close();
  mkdirSync(join(folder, 'config.json'));
  await rejects(source.open('config.json'), 'io', /not a file/);
});

test('a server with ranges', async (t) => {
  const { base, requests } = await serve(t, fileServer({ 'model.safetensors': bytes }));
  await checkReads(urlSource(new URL(base)));
  assert.equal(requests[0], 'GET /model.safetensors bytes=0-');
});

test('a server without ranges', async (t) => {
  const { base } = await serve(t, fileServer({ 'model.safetensors': bytes }, { ranges: false }));
  await checkReads(urlSource(new URL(base)));
});

test('a server that does not tell the length', async (t) => {
  const { base } = await serve(t, fileServer({ 'model.safetensors': bytes }, { length: false }));
  await checkReads(urlSource(new URL(base)), false);
});

test('reads in order take one request, and a wide gap a second', async (t) => {
  const { base, requests } = await serve(t, fileServer({ 'model.safetensors': bytes }));
  const file = await urlSource(new URL(base)).open('model.safetensors');
  for (const [offset, length] of [
    [0, 8],
    [8, 500_000],
    [600_000, 400_000],
  ]) {
    assert.ok(at(offset, length).equals(await collect(file.read(offset, length))));
  }
  assert.deepEqual(requests, ['GET /model.safetensors bytes=0-']);
  assert.ok(at(4_000_000, 5).equals(await collect(file.read(4_000_000, 5))));
  assert.deepEqual(requests, ['GET /model.safetensors bytes=0-', 'GET /model.safetensors bytes=4000000-']);
  await file.close();
});

test('one of several files is under way at a time', async (t) => {
  const { base } = await serve(t, fileServer({ a: bytes, b: bytes }));
  const source = urlSource(new URL(base));
  const a = await source.open('a');
  const b = await source.open('b');
  for (let offset = 0; offset < 4_000_000; offset += 1_000_000) {
    for (const file of [a, b]) assert.ok(at(offset, 1000).equals(await collect(file.read(offset, 1000))));
  }
  await a.close();
  await b.close();
});

test('a source behind a port', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const service = serveSource(new FilesSource({ 'model.safetensors': bytes }), port1);
  afterwards(t, () => service.stop());
  await checkReads(new RemoteSource('remote', undefined, port2));
});

test('a web page in place of a file', async (t) => {
  const { base } = await serve(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><title>Log in</title>');
  });
  await rejects(urlSource(new URL(base)).open('config.json'), 'html', /web page/);
});

test('a web page without its content type', async (t) => {
  const { base } = await serve(t, (request, response) => response.end('\n <html>Log in</html>'));
  await rejects(readText(urlSource(new URL(base)), 'config.json'), 'html', /config\.json.*web page/);
});

for (const [status, code, sentence] of [
  [404, 'not-found', /no such file/],
  [410, 'not-found', /no such file/],
  [401, 'unauthorized', /token/],
  [403, 'unauthorized', /refuses/],
  [500, 'network', /status 500/],
  [503, 'network', /status 503/],
]) {
  test(`status ${status}`, async (t) => {
    const { base } = await serve(t, (request, response) => response.writeHead(status).end('no'));
    await rejects(urlSource(new URL(base), once).open('config.json'), code, sentence);
  });
}

test('a server that is not there', async (t) => {
  const { base } = await serve(t, () => undefined);
  const port = Number(new URL(base).port);
  const gone = urlSource(new URL(`http://127.0.0.1:${port === 1 ? 2 : 1}/`), once);
  await rejects(gone.open('config.json'), 'network', /request failed/);
});

test('a connection that breaks off', async (t) => {
  const { base } = await serve(t, (request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 100_000), () => response.destroy());
  });
  const file = await urlSource(new URL(base), once).open('model.safetensors');
  await rejects(collect(file.read(0, 1_000_000)), 'network', /broke off after \d+ bytes/);
});

test('a body that is shorter than what is read', async (t) => {
  const { base } = await serve(t, fileServer({ f: bytes.subarray(0, 1000) }, { length: false, ranges: false }));
  const file = await urlSource(new URL(base)).open('f');
  assert.equal((await collect(file.read(0, 5000))).length, 1000);
  assert.equal((await collect(file.read(1000, 10))).length, 0);
});

test('a wrong range', async (t) => {
  const { base } = await serve(t, (request, response) => {
    if (request.headers.range) response.writeHead(206, { 'content-range': 'bytes 3-9/10' }).end('3456789');
    else response.writeHead(200, { 'accept-ranges': 'bytes' }).end('0123456789');
  });
  const file = await urlSource(new URL(base)).open('f');
  await collect(file.read(0, 8));
  await rejects(collect(file.read(1, 2)), 'network', /bytes from 1/);
});

test('a server that gives a megabyte at a time', async (t) => {
  const { base, requests } = await serve(t, (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = Math.min(start + 1_000_000, bytes.length);
    const headers = { ETag: '"a"', 'Content-Length': end - start, 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}` };
    response.writeHead(206, headers).end(bytes.subarray(start, end));
  });
  const warnings = [];
  const source = urlSource(new URL(base), once);
  const file = await source.open('model.safetensors', null, { onWarning: (error) => warnings.push(error) });
  assert.ok((await collect(file.read(0, bytes.length))).equals(Buffer.from(bytes)));
  await file.close();
  assert.deepEqual([requests.length, warnings], [5, []]);
});

test('an abort while the server is silent', async (t) => {
  const { base } = await serve(t, () => undefined);
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 20);
  await assert.rejects(urlSource(new URL(base)).open('config.json', controller.signal), reason);
});

test('an abort in the middle of a body', async (t) => {
  const { base } = await serve(t, (request, response) => response.writeHead(200).write(bytes.subarray(0, 1000)));
  const controller = new AbortController();
  const file = await urlSource(new URL(base)).open('f', controller.signal);
  const reading = collect(file.read(0, 5000));
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await assert.rejects(reading, /enough/);
});

test("a hub id becomes the hub's URLs, with revision, token and custom fetch", async () => {
  const seen = [];
  const source = hubSource('owner/name', {
    host: 'https://hub.example/',
    revision: 'refs/pr/1',
    token: 'secret',
    headers: { 'x-a': 'b' },
    fetch: async (url, { headers }) => {
      seen.push([url, headers]);
      return new Response('{}');
    },
  });
  assert.equal(await readText(source, 'config.json'), '{}');
  const sent = { 'x-a': 'b', Authorization: 'Bearer secret' };
  assert.deepEqual(seen, [
    ['https://hub.example/api/models/owner/name/revision/refs%2Fpr%2F1?blobs=true', sent],
    // Told nothing that could be a commit, it goes by the revision's name.
    ['https://hub.example/owner/name/resolve/refs%2Fpr%2F1/config.json', sent],
  ]);
  assert.equal(source.describe(), null, 'a custom fetch cannot be posted');
  assert.equal(hubSource('owner/name').describe().base, 'https://huggingface.co/owner/name/resolve/main/');
});

test('a URL is a folder, or a weights file whose folder has the rest', async () => {
  const folder = urlSource(new URL('https://x.example/a/b?key=1')).describe();
  assert.equal(folder.base, 'https://x.example/a/b/?key=1');
  assert.equal(folder.weightsName, undefined);
  const file = urlSource(new URL('https://x.example/a/my%20model.safetensors?key=1')).describe();
  assert.equal(file.weightsName, 'my model.safetensors');
  assert.deepEqual(file.files, { 'my model.safetensors': 'https://x.example/a/my%20model.safetensors?key=1' });
  assert.deepEqual([file.base, file.label], ['https://x.example/a/?key=1', 'https://x.example/a']);
});

test('what the address bar shows of a hub means that repository or file', () => {
  const of = (address, options) => {
    const { label, base, weightsName, headers } = urlSource(new URL(address), { token: 'secret', ...options }).describe();
    return [label, base, weightsName, headers.Authorization];
  };
  const hub = 'https://huggingface.co';
  const token = 'Bearer secret';
  const whole = ['owner/name', `${hub}/owner/name/resolve/main/`, undefined, token];
  for (const path of [
    'owner/name',
    'owner/name/',
    'owner/name?x=1#readme',
    'owner/name/tree/main',
    'owner/name/tree/main/',
    'owner/name/blob/main/config.json',
    'owner/name/raw/main/README.md',
  ]) {
    assert.deepEqual(of(`${hub}/${path}`), whole, path);
  }
  assert.deepEqual(of('https://hf.co/owner/name'), whole);
  assert.deepEqual(of(`${hub}/gpt2`), ['gpt2', `${hub}/gpt2/resolve/main/`, undefined, token]);
  for (const path of [
    'blob/main/my%20model.safetensors',
    'resolve/main/my%20model.safetensors?download=true',
    'raw/main/my%20model.safetensors',
  ]) {
    assert.deepEqual(
      of(`${hub}/owner/name/${path}`),
      ['owner/name', `${hub}/owner/name/resolve/main/`, 'my model.safetensors', token],
      path,
    );
  }
  assert.deepEqual(of(`${hub}/owner/name`, { revision: 'v2' })[1], `${hub}/owner/name/resolve/v2/`);
  assert.deepEqual(
    of(`${hub}/owner/name/tree/v1`, { revision: 'v2' })[1],
    `${hub}/owner/name/resolve/v1/`,
    'what the address says goes first',
  );
  for (const revision of ['refs/pr/1', 'refs%2Fpr%2F1'])
    assert.equal(of(`${hub}/owner/name/tree/${revision}`)[1], `${hub}/owner/name/resolve/refs%2Fpr%2F1/`);
  assert.deepEqual(of(`${hub}/owner/name/tree/main/a/b`).slice(0, 2), ['owner/name/a/b', `${hub}/owner/name/resolve/main/a/b/`]);
  assert.deepEqual(of(`${hub}/owner/name/blob/main/a/w.bin`).slice(0, 3), ['owner/name/a', `${hub}/owner/name/resolve/main/a/`, 'w.bin']);
  const host = 'https://hub.example/mirror/';
  assert.equal(of('https://hub.example/mirror/owner/name/tree/main', { host })[1], 'https://hub.example/mirror/owner/name/resolve/main/');
  // Elsewhere such a path is a folder like any other, and is not shown the token.
  assert.deepEqual(of('https://x.example/owner/name/tree/main'), [
    'https://x.example/owner/name/tree/main',
    'https://x.example/owner/name/tree/main/',
    undefined,
    undefined,
  ]);
  for (const path of ['', 'datasets/owner/name', 'owner/name/discussions', 'a/b/c/d']) {
    assert.throws(
      () => urlSource(new URL(`${hub}/${path}`)),
      ({ code, message }) => code === 'invalid-argument' && /owner\/name/.test(message),
      path,
    );
  }
});

test('what is written decides what it is', async (t) => {
  for (const id of ['microsoft/beit-base-patch16-224', 'gpt2', 'a/b.c']) assert.ok(isHubId(id), id);
  for (const no of ['a/b/c', '../a', '/a', './a', 'a..b', 'https://x', '', 'a b', 'a/b.safetensors']) assert.ok(!isHubId(no), no);
  const resolve = (source) => platform.resolveSource(source, {});
  const kind = async (source) => (await resolve(source)).describe().kind;
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'w.safetensors'), 'x');
  writeFileSync(join(folder, 'w.txt'), 'x');
  assert.equal(await kind(folder), 'folder');
  assert.equal((await resolve(pathToFileURL(folder))).describe().folder, folder);
  assert.equal((await resolve(join(folder, 'w.safetensors'))).weightsName, 'w.safetensors');
  await rejects(resolve(join(folder, 'w.txt')), 'unsupported');
  for (const name of ['model_best.pth.tar', 'last.ckpt', 'beit.zip', 'checkpoint-9']) {
    writeFileSync(join(folder, name), 'x');
    assert.equal((await resolve(join(folder, name))).weightsName, name);
  }
  await rejects(resolve(join(folder, 'absent')), 'not-found');
  assert.equal(await kind('microsoft/beit-base'), 'http');
  assert.equal(await kind('https://x.example/m'), 'http');
  assert.equal(await kind(new Blob(['x'])), 'blobs');
  assert.equal((await resolve([new File(['x'], 'other.safetensors')])).weightsName, 'other.safetensors');
  assert.equal((await resolve({ 'config.json': new Uint8Array(1) })).describe(), null);
  assert.equal((await resolve({ 'config.json': new Blob(['{}']), 'model.safetensors': new Uint8Array(1) })).describe(), null);
  await rejects(resolve([new File(['x'], 'a'), new File(['x'], 'a')]), 'invalid-argument');
  const alone = [new Uint8Array(8), new Float32Array(8), new ArrayBuffer(8)];
  for (const bad of alone) await rejects(resolve(bad), 'invalid-argument', /got bytes alone, expected files by their names/);
  for (const bad of ['file://elsewhere/x', new URL('file:///a%2Fb')])
    await rejects(resolve(bad), 'invalid-argument', /no file of this machine/);
  for (const bad of [`./${'x'.repeat(5000)}`, './a\0b']) await rejects(resolve(bad), 'not-found');
  for (const bad of [5, null, undefined, { a: 'text' }]) await rejects(resolve(bad), 'invalid-argument');
  await rejects(resolve(''), 'not-found');
});

test('a pipe in place of a file is refused, and nobody waits for who might write to it', {
  skip: process.platform === 'win32',
}, async (t) => {
  const folder = temporaryFolder(t);
  assert.equal(spawnSync('mkfifo', [join(folder, 'config.json')]).status, 0);
  // In a process of its own, since a wait of the file system would be one of all tests.
  const script = `import { platform } from ${JSON.stringify(import.meta.resolve('../../dist/platform/node.js'))};
    const source = await platform.resolveSource(${JSON.stringify(folder)}, {});
    await source.open('config.json').catch(({ code }) => console.log(code));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 60_000, encoding: 'utf8' });
  assert.equal(stdout.trim(), 'io');
});

test('of several readers each gets its own bytes, also where one reads again', async (t) => {
  const { base } = await serve(t, fileServer({ 'model.safetensors': bytes }));
  const shared = new ReadOnce(urlSource(new URL(base), { cache: false, ...once }), 2, new AbortController().signal);
  const [one, other] = await Promise.all([1, 2].map(() => shared.view().open('model.safetensors')));
  for (const file of [one, other]) await collect(file.read(0, 2 << 20));
  const [again, next] = await Promise.all([collect(one.read(0, 1 << 20)), collect(other.read(2 << 20, 1 << 20))]);
  assert.ok(again.equals(at(0, 1 << 20)), 'read again');
  assert.ok(next.equals(at(2 << 20, 1 << 20)), 'read on');
  await shared.close();
});

test('a file that is closed while it connects leaves no connection', { timeout: 60_000 }, async (t) => {
  const left = new Set();
  let asked;
  const second = new Promise((resolve) => {
    asked = resolve;
  });
  let count = 0;
  const { base } = await serve(t, (request, response) => {
    left.add(request.socket);
    request.socket.on('close', () => left.delete(request.socket));
    const range = { 'Content-Range': `bytes 0-4999999/5000000`, 'Content-Length': 5_000_000, ETag: '"a"' };
    const answer = () => {
      response.writeHead(206, range);
      response.write(bytes.subarray(0, 2_000_000));
    };
    if (++count === 1) return answer();
    asked();
    setTimeout(answer, 300);
  });
  const file = await urlSource(new URL('model.safetensors', base), { cache: false, ...once }).open('model.safetensors');
  await collect(file.read(0, 1_000_000));
  const reading = collect(file.read(0, 1_000_000)).catch(() => undefined);
  await second;
  await file.close();
  await reading;
  while (left.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

test('an object of the user that gives something else than was asked for is told so', { timeout: 60_000 }, async () => {
  const all = files();
  const sourceWith = (changed) => ({
    label: 'mine',
    describe: () => null,
    async open(name) {
      const content = Object.hasOwn(all, name) ? Buffer.from(all[name]) : assert.fail(name);
      const file = {
        name,
        size: content.length,
        async *read(offset, length) {
          yield content.subarray(offset, offset + length);
        },
        close: async () => undefined,
      };
      return Object.assign(file, changed(content, name));
    },
  });
  const yielding = (give) => (content, name) =>
    name.endsWith('.json')
      ? {}
      : {
          read: async function* (...range) {
            yield give(content, ...range);
          },
        };
  const reads = {
    'read(): got 108 bytes, expected a Uint8Array of at most 8 bytes': yielding((content, offset, length) =>
      content.subarray(offset, offset + length + 100),
    ),
    'read(): got ArrayBuffer, expected': yielding((content) => content.buffer),
    'config.json, read(): got "{}", expected': (_content, name) =>
      name.endsWith('.json')
        ? {
            read: async function* () {
              yield '{}';
            },
          }
        : {},
  };
  const counts = { '-1': -1, '0.5': 0.5, NaN: Number.NaN, undefined, 9: 9 };
  const direct = Object.entries(counts).map(([text, count]) => [
    `readSync(): got ${text} bytes, expected a number from 0 to 8`,
    (_content, name) => (name.endsWith('.json') ? {} : { readSync: () => count }),
  ]);
  for (const [sentence, changed] of [...Object.entries(reads), ...direct]) {
    for (const worker of sentence.startsWith('readSync') ? [false] : [false, true]) {
      await assert.rejects(inspect(sourceWith(changed), { worker }), (error) => {
        assert.equal(error.code, 'invalid-argument');
        assert.ok(error.message.includes(sentence), error.message);
        return true;
      });
    }
  }
  assert.equal(
    (
      await inspect(
        sourceWith(() => ({})),
        { worker: false },
      )
    ).config.hiddenSize,
    4,
  );
});

test('a bridge that is stopped closes every file, whenever it was opened and whatever close() gives', { timeout: 20_000 }, async (t) => {
  const { port1, port2 } = new MessageChannel();
  const closed = [];
  let open;
  const file = (name) => ({ name, size: 0, read: async function* () {}, close: () => void closed.push(name) });
  const service = serveSource(
    {
      label: 'odd',
      describe: () => null,
      open: (name) =>
        name === 'early'
          ? Promise.resolve(file(name))
          : new Promise((resolve) => {
              open = () => resolve(file(name));
            }),
    },
    port1,
  );
  const source = new RemoteSource('odd', undefined, port2);
  afterwards(t, () => [port1, port2].forEach((port) => port.close()));
  await source.open('early');
  source.open('late').catch(() => undefined);
  while (!open) await new Promise((resolve) => setTimeout(resolve, 1));
  service.stop();
  open();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(closed, ['early', 'late']);
});
