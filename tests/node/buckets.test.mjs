// beit batch with pictures and shards in S3: on a server of the test's, or on the one that BEIT_S3 names (http://127.0.0.1:9000).
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { decode } from 'fast-png';
import * as beit from '../../dist/node.js';
import { openJob, pictureNames, runBatch } from '../../packages/beit-wasm-batch/index.js';
import { PICTURES, samples } from './batch-workplace.mjs';
import { commandFor, noQueue, queueFor } from './queue-server.mjs';
import { afterwards, batchWords, noSignals, rejects, root, temporaryFolder } from './support.mjs';
import { files, writeCheckpoint } from './tiny-checkpoint.mjs';

const bucket = `beit-${process.pid}`;
// A page of a list has so many keys, so that there are several.
const PAGE = 3;

let client = null;
let server = null;
/** Answers that are to fail yet, with a status. */
const failures = [];
/** Called with each request that has been read and before it is answered; what it returns is awaited. */
let onRequest = () => undefined;

/** Objects in memory, as far as the library asks for them: GET, HEAD, PUT and lists, addressed by path. */
async function startBuckets() {
  const objects = new Map();
  const answer = (request, response, body) => {
    const { pathname, searchParams } = new URL(request.url, 'http://x');
    const key = decodeURIComponent(pathname.slice(1)).replace(/\/$/, '');
    const fail = (status, code) =>
      response
        .writeHead(status, { 'content-type': 'application/xml' })
        .end(`<Error><Code>${code}</Code><Message>${code}.</Message></Error>`);
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) return fail(403, 'AccessDenied');
    if (failures.length > 0) return fail(failures[0], failures.shift() === 403 ? 'AccessDenied' : 'InternalError');
    const [name] = key.split('/');
    if (request.method === 'PUT') {
      if (key !== name && !objects.has(name)) return fail(404, 'NoSuchBucket');
      objects.set(key, body);
      return response.writeHead(200).end();
    }
    if (!objects.has(name)) return fail(404, 'NoSuchBucket');
    if (searchParams.has('list-type')) {
      const prefix = `${name}/${searchParams.get('prefix') ?? ''}`;
      const delimiter = searchParams.get('delimiter');
      const seen = (other) => {
        const end = delimiter ? other.indexOf(delimiter, prefix.length) : -1;
        return end < 0 ? other : other.slice(0, end + 1);
      };
      const found = [...objects.keys()].filter((other) => other !== name && other.startsWith(prefix)).map(seen);
      const keys = [...new Set(found)].sort();
      const from = Number(searchParams.get('continuation-token') ?? 0);
      const contents = keys.slice(from, from + PAGE).map((other) => {
        const inner = other.slice(name.length + 1);
        return inner.endsWith('/')
          ? `<CommonPrefixes><Prefix>${inner}</Prefix></CommonPrefixes>`
          : `<Contents><Key>${inner}</Key></Contents>`;
      });
      const next = from + PAGE < keys.length ? `<NextContinuationToken>${from + PAGE}</NextContinuationToken>` : '';
      return response
        .writeHead(200, { 'content-type': 'application/xml' })
        .end(`<ListBucketResult>${contents.join('')}${next}</ListBucketResult>`);
    }
    const object = objects.get(key);
    if (!object) return fail(404, 'NoSuchKey');
    return response.writeHead(200, { 'content-length': object.length }).end(request.method === 'HEAD' ? undefined : object);
  };
  const started = createServer((request, response) => {
    const parts = [];
    request
      .on('data', (part) => parts.push(part))
      .on('end', async () => {
        await onRequest(request);
        if (!response.destroyed) answer(request, response, Buffer.concat(parts));
      });
  });
  await new Promise((resolve) => started.listen(0, '127.0.0.1', resolve));
  return started;
}

before(async () => {
  server = process.env.BEIT_S3 ? null : await startBuckets();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: process.env.BEIT_S3 ?? `http://127.0.0.1:${server.address().port}`,
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? 'S3RVER',
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? 'S3RVER',
  });
  client = new S3Client({ region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const name of PICTURES) await put(`photos/${name}`, readFileSync(join(samples, name)));
  await put('photos/damaged.png', Buffer.from('no picture'));
  await put('photos/notes.md', Buffer.from('no picture either'));
});

after(() => {
  server?.closeAllConnections();
  server?.close();
  client?.destroy();
});

const put = (Key, Body) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
const get = async (Key) =>
  Buffer.from(await (await client.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body.transformToByteArray());
const at = (key) => `s3://${bucket}/${key}`;
const NAMES = [...PICTURES, 'damaged.png'].sort().map((name) => at(`photos/${name}`));

async function run(given) {
  const events = [];
  const surroundings = { print: (line) => events.push(JSON.parse(line)), terminal: {}, process: noSignals };
  const status = await runBatch(beit, { engines: 1, options: {}, model: files(), ...given }, surroundings);
  return { status, events };
}

const shardsOf = (events) =>
  events
    .filter(({ event }) => event === 'shard')
    .map(({ path }) => path)
    .sort();

test('pictures of a bucket go into shards of a bucket, and a batch goes on where it was', async () => {
  const given = {
    task: 'features',
    input: [at('photos/')],
    output: at('out'),
    format: 'parquet',
    shardSize: 4,
    options: { layer: 'pooled' },
  };
  const { status, events } = await run(given);
  assert.equal(status, 1, 'one is damaged');
  const paths = shardsOf(events);
  assert.equal(paths.length, Math.ceil(NAMES.length / 4));
  assert.ok(paths.every((path, i) => path.startsWith(at(`out/0000${i}-`))));
  const rows = [];
  for (const path of paths) {
    const { buffer, byteOffset, byteLength } = await get(path.slice(at('').length));
    rows.push(...(await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength) })));
  }
  assert.deepEqual(
    rows.map(({ path }) => path),
    NAMES,
  );
  const beach = rows.find(({ path }) => path.endsWith('beach.jpg'));
  const extract = await beit.pipeline('image-feature-extraction', files(), { worker: true, threads: 1 });
  assert.deepEqual(Float32Array.from(beach.embedding), (await extract(join(samples, 'beach.jpg'))).data);
  await extract.dispose();
  const facts = JSON.parse(await get('out/batch.json'));
  assert.match(facts.sum, /^[0-9a-f]{64}$/);
  await rejects(run(given), 'invalid-argument', /shards are finished/);
  assert.equal((await run({ ...given, resume: true })).events[0].shards, 0);
  await rejects(run({ ...given, resume: true, options: { layer: 'tokens' } }), 'invalid-argument', /were made with options/);
});

test('a folder of maps has its name only with its index', async (t) => {
  const model = join(root, 'weights/embedded/segmentation');
  const given = { task: 'segment', model, input: [NAMES[0], NAMES.at(-1)], output: at('maps'), format: 'png', shardSize: 1 };
  const { status, events } = await run(given);
  assert.equal(status, 0);
  const [path] = shardsOf(events);
  const [row] = (await get(`${path.slice(at('').length)}/index.jsonl`)).toString().trim().split('\n').map(JSON.parse);
  assert.equal(row.path, NAMES[0]);
  const { width, height } = decode(await get(`${path.slice(at('').length)}/${row.file}`));
  assert.deepEqual([width, height], [row.width, row.height]);
  const job = await openJob(beit, { task: 'segment', model, output: at('maps'), format: 'png' });
  afterwards(t, () => job.dispose());
  const shards = job.shardsOf([NAMES[0], NAMES.at(-1)], 1);
  assert.equal((await job.finished(shards)).size, 2);
  assert.equal(await job.store.has(shards[0].name), true);
  // A process that was killed has left a map.
  await put(`maps/${shards[0].name.replace('00000', '00009')}/000000.png`, Buffer.from('half'));
  assert.equal((await job.finished(shards)).size, 2);
  assert.equal(await job.store.has(shards[0].name.replace('00000', '00009')), false);
  assert.deepEqual(await job.store.among([shards[1].name, shards[0].name.replace('00000', '00009')]), new Set([shards[1].name]));
});

test('lists and tables in a bucket name pictures', async () => {
  await put('list.txt', Buffer.from(`${NAMES[1]}\n${join(samples, 'beach.jpg')}\n`));
  assert.deepEqual(await pictureNames(beit, [at('list.txt')]), [NAMES[1], join(samples, 'beach.jpg')]);
  await put('table.parquet', Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'url', data: NAMES.slice(0, 2) }] })));
  assert.deepEqual(await pictureNames(beit, [at('table.parquet')]), NAMES.slice(0, 2));
});

test('what a bucket has not, and a bucket that is not there', async () => {
  const { events, status } = await run({ task: 'classify', input: [at('none.jpg'), NAMES[0]], output: at('few'), options: { topK: 1 } });
  assert.equal(status, 1);
  const [path] = shardsOf(events);
  const [missing, found] = (await get(path.slice(at('').length))).toString().trim().split('\n').map(JSON.parse);
  assert.deepEqual([missing.error_code, found.status], ['not-found', 'ok']);
  assert.match(missing.error_message, /^s3:\/\/beit-\d+\/none\.jpg: there is no such object\.$/);
  const none = { task: 'classify', input: [NAMES[0]], output: 's3://beit-no-such-bucket/out' };
  await rejects(run(none), 'not-found', /no such bucket/);
  await rejects(run({ ...none, output: 's3://' }), 'invalid-argument', /names no bucket/);
  await rejects(pictureNames(beit, [at('no-such-folder/')]), 'not-found', /there is no picture in it/);
});

test('a shard that a store does not take is put back at once', { skip: process.env.BEIT_S3 && 'of the own server only' }, async (t) => {
  const ended = new AbortController();
  let isAsked = false;
  // It is never answered.
  onRequest = ({ method, url }) => {
    if (method !== 'PUT' || !url.includes('/held/0')) return undefined;
    isAsked = true;
    ended.abort(new Error('put back'));
    return new Promise(() => undefined);
  };
  afterwards(t, () => {
    onRequest = () => undefined;
  });
  const job = await openJob(beit, { task: 'classify', model: files(), output: at('held'), engines: 1 });
  afterwards(t, () => job.dispose());
  const [shard] = job.shardsOf([NAMES[0]], 1);
  await assert.rejects(job.write(shard, { signal: ended.signal }), /^Error: put back$/);
  assert.ok(isAsked);
});

test('answers that fail are asked for again, and in the end told', { skip: process.env.BEIT_S3 && 'of the own server only' }, async () => {
  failures.push(503, 500);
  assert.equal((await pictureNames(beit, [at('photos/')])).length, NAMES.length);
  failures.push(...new Array(3).fill(503));
  await rejects(pictureNames(beit, [at('photos/')]), 'network', /the store says InternalError \(503\)/);
  failures.push(403);
  const refusal = /the store says AccessDenied \(403\).*; expected credentials/;
  assert.equal((await rejects(pictureNames(beit, [at('photos/')]), 'unauthorized', refusal)).status, 403);
  assert.deepEqual(failures, []);
});

test('a bucket that refuses whoever asks ends a batch, and one object that it refuses does not', {
  skip: process.env.BEIT_S3 && 'of the own server only',
}, async (t) => {
  afterwards(t, () => {
    onRequest = () => undefined;
    failures.length = 0;
  });
  const given = { task: 'classify', input: [at('photos/')], options: { topK: 1 } };
  onRequest = ({ method, url }) => {
    if (method === 'GET' && url.includes('/photos/beach.jpg')) failures.push(403);
  };
  const { status, events } = await run({ ...given, output: at('one-refused') });
  assert.equal(status, 1);
  const rows = (await get(shardsOf(events)[0].slice(at('').length))).toString().trim().split('\n').map(JSON.parse);
  assert.deepEqual(
    rows.filter(({ error_code: code }) => code && code !== 'bad-image').map(({ path, error_code: code }) => [path, code]),
    [[at('photos/beach.jpg'), 'unauthorized']],
  );
  // From the third picture on the token has expired.
  let asked = 0;
  onRequest = ({ method, url }) => {
    if (url.includes('/photos/')) ++asked;
    if (asked > 2 && method === 'GET') failures.push(403);
  };
  await rejects(run({ ...given, output: at('all-refused') }), 'unauthorized', /AccessDenied \(403\).*; expected credentials/);
  onRequest = () => undefined;
  failures.length = 0;
  const job = await openJob(beit, { task: 'classify', model: files(), output: at('all-refused') });
  afterwards(t, () => job.dispose());
  assert.deepEqual(await job.store.list(), ['batch.json']);
});

test('whoever waits for shards in a bucket waits for a bucket that is away, and not for one that refuses', {
  skip: noQueue || (process.env.BEIT_S3 && 'of the own server only'),
  timeout: 180_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const queue = await queueFor(t);
  const model = writeCheckpoint(join(folder, 'model'));
  const list = join(folder, 'list.txt');
  writeFileSync(list, NAMES[0]);
  const words = [...batchWords({ model, list, output: at('away') }), '--queue', queue.address];
  const producer = commandFor(t, words);
  const told = async (name, { events } = producer) => {
    for (let turn = 0; turn < 400 && !events.some(({ event }) => event === name); ++turn) await sleep(50);
    return events.find(({ event }) => event === name);
  };
  assert.equal((await told('queued')).shards, 1);
  failures.push(...new Array(3).fill(503));
  assert.match((await told('waiting')).reason, /the store says InternalError \(503\)/);
  commandFor(t, ['worker', '--queue', queue.address, '--engines', '1']);
  assert.ok(await told('shard'));
  assert.equal((await producer.ended).status, 0);
  const another = commandFor(t, [...batchWords({ model, list, output: at('refused') }), '--queue', queue.address]);
  onRequest = ({ url }) => {
    // What the queue is for is asked for before.
    if (another.events.length > 0 && url.includes('list-type')) failures.push(403);
  };
  afterwards(t, () => {
    onRequest = () => undefined;
    failures.length = 0;
  });
  const { status, complaint } = await another.ended;
  assert.equal(status, 2);
  assert.match(complaint, /^beit: s3:\/\/.*the store says AccessDenied \(403\).*; expected credentials .*\.$/m);
});
