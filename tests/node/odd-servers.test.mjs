// Servers that answer oddly for what they do not have, and for what they have.
import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { BeitForImageClassification, BeitForMaskedImageModeling, BeitImageProcessor } from '../../dist/node.js';
import { nodeHttp } from '../../dist/platform/http-node.js';
import { urlSource } from '../../dist/sources/http/source.js';
import { isPage } from '../../dist/sources/http/page-sniffing.js';
import { readText } from '../../dist/sources/text.js';
import { files } from './tiny-checkpoint.mjs';
import { collect, rejects, serve, temporaryFolder } from './support.mjs';

const PAGE = '<!doctype html><title>app</title><div id="root"></div>';
const WEIGHTS = 'model.safetensors';
const checkpoint = files({ 'preprocessor_config.json': null });
const QUICK = { retry: { attempts: 1, delay: 1 } };

/** Serves the checkpoint; `odd(name, url, response, bytes)` may answer first, and returns whether it did. */
const oddly = (t, odd) =>
  serve(t, (request, response) => {
    const url = new URL(request.url, 'http://x/');
    const name = url.pathname.split('/').pop();
    const bytes = checkpoint[name];
    if (odd(name, url, response, bytes, request)) return;
    if (bytes) response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'application/octet-stream' }).end(bytes);
    else response.writeHead(404).end('no');
  });

async function load(base, options = {}) {
  const warnings = [];
  const model = await BeitForImageClassification.fromPretrained(base, {
    ...QUICK,
    onWarning: ({ status, message }) => warnings.push([status, message]),
    ...options,
  });
  const { config } = model;
  await model.dispose();
  return { config, warnings };
}

for (const status of [400, 401, 403, 409, 500]) {
  test(`status ${status} for what a server does not have`, async (t) => {
    const refuse = (response) => Boolean(response.writeHead(status, { 'content-type': 'application/xml' }).end('<Error/>'));
    const absent = await oddly(t, (name, url, response, bytes) => !bytes && refuse(response));
    const { warnings } = await load(absent.base);
    assert.deepEqual(warnings, [], 'everything that was asked for is there');
    const processor = await BeitImageProcessor.fromPretrained(absent.base, { ...QUICK, onWarning: (error) => warnings.push(error.status) });
    await processor.dispose();
    assert.deepEqual(warnings, [status]);

    // Another of the weights' usual names.
    const renamed = await oddly(t, (name, url, response, bytes) => {
      if (name === 'pytorch_model.bin') return Boolean(response.end(checkpoint[WEIGHTS]));
      return (name === WEIGHTS || !bytes) && refuse(response);
    });
    await load(renamed.base);

    const nothing = await oddly(t, (name, url, response) => refuse(response));
    const error = await rejects(
      load(nothing.base),
      status === 401 || status === 403 ? 'unauthorized' : 'network',
      new RegExp(
        `it has neither ${WEIGHTS}.*counts as missing: config\\.json \\(status ${status}\\), ${WEIGHTS} \\(status ${status}\\)`,
        's',
      ),
    );
    assert.equal(/a token or other headers/.test(error.message), status === 401 || status === 403, error.message);
  });
}

test('a refused config is named by what fails for want of it', async (t) => {
  const { base } = await oddly(t, (name, url, response) => name === 'config.json' && Boolean(response.writeHead(403).end()));
  const seen = [];
  const wrong = BeitForMaskedImageModeling.fromPretrained(base, { ...QUICK, onWarning: ({ status }) => seen.push(status) });
  await rejects(wrong, 'missing-tensor', /counts as missing: config\.json \(status 403\); a token/);
  assert.deepEqual(seen, [403]);
});

test('a server that is overloaded has not said that a file is missing', async (t) => {
  const { base } = await oddly(t, (name, url, response) => name === 'config.json' && Boolean(response.writeHead(503).end()));
  await rejects(load(base), 'network', /config\.json.*status 503/);
});

test('the start page with status 200 for what a static host does not have', async (t) => {
  const spa = await oddly(
    t,
    (name, url, response, bytes) => !bytes && Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)),
  );
  await load(spa.base);
  const processor = await BeitImageProcessor.fromPretrained(spa.base, QUICK);
  await processor.dispose();
  const empty = await oddly(t, (name, url, response) => Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)));
  await rejects(load(empty.base), 'html', /it has neither .*config\.json \(a web page in its place\)/);
});

test('right bytes that are called a web page', async (t) => {
  const { base } = await oddly(
    t,
    (name, url, response, bytes) => bytes && Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end(bytes)),
  );
  const { warnings } = await load(base);
  assert.deepEqual(warnings, []);
  for (const text of [PAGE, '\n <html>', '<?xml version="1.0"?>', '<!-- x -->', '<div class="a">', '<head>'])
    assert.ok(isPage(new TextEncoder().encode(text)), text);
  for (const text of ['{"a": "<html>"}', '<\0\0\0\0\0\0\0{"a"', '', '[', 'PK\x03\x04'])
    assert.ok(!isPage(new TextEncoder().encode(text)), text);
});

test('a range of a compressed body is asked for again without a range', async (t) => {
  const packed = gzipSync(checkpoint[WEIGHTS]);
  const { base, requests } = await oddly(t, (name, url, response, bytes, request) => {
    if (name !== WEIGHTS) return false;
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? -1);
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/octet-stream' };
    if (start < 0) response.writeHead(200, { ...headers, 'content-length': packed.length }).end(packed);
    else
      response
        .writeHead(206, { ...headers, 'content-range': `bytes ${start}-${packed.length - 1}/${packed.length}` })
        .end(packed.subarray(start));
    return true;
  });
  const file = await urlSource(new URL(base), QUICK).open(WEIGHTS);
  assert.equal(file.size, -1);
  assert.ok((await collect(file.read(0, checkpoint[WEIGHTS].length + 1))).equals(Buffer.from(checkpoint[WEIGHTS])));
  await file.close();
  assert.deepEqual(requests, [`GET /${WEIGHTS} bytes=0-`, `GET /${WEIGHTS}`]);
  await load(base);
});

test('the neighbours of a signed URL are asked for with its query', async (t) => {
  const { base } = await oddly(t, (name, url, response) => url.searchParams.get('sig') !== '1' && Boolean(response.writeHead(409).end()));
  const { config, warnings } = await load(`${base}folder/${WEIGHTS}?sig=1`);
  assert.deepEqual([config.hiddenSize, warnings], [JSON.parse(new TextDecoder().decode(checkpoint['config.json'])).hidden_size, []]);
});

test('the login page of a network is no newer version of what is kept', async (t) => {
  let captive = false;
  const { base } = await oddly(
    t,
    (name, url, response) => captive && Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)),
  );
  const source = () => urlSource(new URL(base), { ...QUICK, cache: folder }, nodeHttp);
  const folder = temporaryFolder(t);
  const text = await readText(source(), 'config.json');
  captive = true;
  assert.equal(await readText(source(), 'config.json'), text);
});
