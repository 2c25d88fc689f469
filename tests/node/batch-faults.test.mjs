// beit batch where something is wrong that is not a picture's: with engines, disks, servers, options and inputs.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as beit from '../../dist/node.js';
import { controlQueue, openJob, pictureNames, runBatch, runWorker } from '../../packages/beit-wasm-batch/index.js';
import { FORMATS } from '../../packages/beit-wasm-batch/src/formats/formats.js';
import { PICTURES, samples, shardsIn, workplace } from './batch-workplace.mjs';
import { afterwards, beit as command, golden, noSignals, rejects, root, serve } from './support.mjs';

const { BeitError } = beit;

/** Does a batch in this process. Returns its exit status. */
const run = (given, { library = beit, host = noSignals } = {}) =>
  runBatch(library, { task: 'classify', engines: 1, options: {}, ...given }, { print: () => undefined, terminal: {}, process: host });

/** Returns the rows of a folder's shards, which are lines of JSON. */
const rowsIn = (folder) =>
  shardsIn(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line));

/** Returns the library, with pools whose pipelines do `instead(bytes, run)`. */
const libraryWith = (instead) => ({
  ...beit,
  createPool: async (options) => {
    const pool = await beit.createPool(options);
    const pipeline = async (...given) => {
      const own = await pool.pipeline(...given);
      return Object.assign((bytes, call) => instead(bytes, () => own(bytes, call)), { model: own.model, dispose: () => own.dispose() });
    };
    return { ...pool, pipeline };
  },
});

test('engines that are lost for good end a batch, and what one picture does to them is its own', async (t) => {
  const { model, names, output, folder } = workplace(t);
  for (const code of ['engine-lost', 'out-of-memory', 'io']) {
    let done = 0;
    const failing = libraryWith((_, work) => {
      if (++done > 3) throw new BeitError(code, 'It cannot be done any more.');
      return work();
    });
    await rejects(run({ model, input: names, output }, { library: failing }), code, /^It cannot be done any more\.$/);
    assert.deepEqual(shardsIn(output), []);
    const poison = readFileSync(names[1]);
    const library = libraryWith((bytes, work) => {
      if (poison.equals(bytes)) throw new BeitError(code, 'It is too much.');
      return work();
    });
    assert.equal(await run({ model, input: names, output: join(folder, code) }, { library }), 1);
    assert.deepEqual(
      rowsIn(join(folder, code)).map((row) => row.error_code),
      names.map((_, i) => (i === 1 ? code : null)),
    );
  }
});

test('a disk that is away ends a batch, and a file that cannot be read does not', async (t) => {
  const { model, names, pictures, output, folder } = workplace(t);
  const { readFile, readdir } = files;
  const failing = (work, isWrong, code) => (path, options) =>
    isWrong(path) ? Promise.reject(Object.assign(new Error(`${code}: x`), { code })) : work(path, options);
  const patch = (functions) => {
    Object.assign(files, functions);
    syncBuiltinESMExports();
  };
  afterwards(t, () => patch({ readFile, readdir }));
  patch({ readFile: failing(readFile, (path) => path === names[2], 'EIO') });
  assert.equal(await run({ model, input: names, output }), 1);
  assert.deepEqual([rowsIn(output)[2].error_code, rowsIn(output)[3].error_code], ['io', null]);
  patch({
    readFile: failing(readFile, (path) => path === names[2] || path === names[4], 'ENOTCONN'),
    readdir: failing(readdir, (path) => path === pictures, 'ENOTCONN'),
  });
  await rejects(run({ model, input: names, output: join(folder, 'other') }), 'io', /cannot be read \(ENOTCONN/);
  assert.deepEqual(shardsIn(join(folder, 'other')), []);
  patch({ readFile: failing(readFile, (path) => path === names[2], 'EMFILE'), readdir });
  await rejects(run({ model, input: names, output: join(folder, 'other') }), 'io', /EMFILE/);
});

test('a server that is asked too much is asked again, after the time that it names', async (t) => {
  const { model, names, output } = workplace(t);
  const times = { busy: [], broken: [], never: [], refused: [] };
  const { base } = await serve(t, (request, response) => {
    const name = request.url.slice(1);
    times[name].push(performance.now());
    if (name === 'refused') return response.writeHead(403).end();
    if (name === 'never') return response.writeHead(429, { 'retry-after': '3600' }).end();
    if (times[name].length > 2) return response.end(readFileSync(names[0]));
    return name === 'busy' ? response.writeHead(429, { 'retry-after': '1' }).end() : response.writeHead(503).end();
  });
  assert.equal(await run({ model, input: Object.keys(times).map((name) => `${base}${name}`), output }), 1);
  assert.deepEqual(
    rowsIn(output).map((row) => row.error_message?.slice(base.length) ?? null),
    [null, null, 'never: the server answered 429.', 'refused: the server answered 403.'],
  );
  assert.deepEqual(
    Object.values(times).map(({ length }) => length),
    [3, 3, 1, 1],
  );
  // A timer may come a millisecond early.
  for (const [first, second] of [times.busy.slice(0, 2), times.busy.slice(1)]) assert.ok(second - first > 990, 'it waited');
});

test('a signal ends a batch that reads its input', { timeout: 50_000 }, async (t) => {
  const { model, output } = workplace(t);
  for (const [name, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    const host = new EventEmitter();
    const { base } = await serve(t, () => host.emit(name));
    assert.equal(await run({ model, input: [`${base}list.txt`], output }, { host }), expected);
    assert.deepEqual(host.eventNames(), []);
  }
  const ending = new AbortController();
  const names = pictureNames(beit, ['-'], new PassThrough(), ending.signal);
  ending.abort(new Error('enough'));
  await assert.rejects(names, /^Error: enough$/);
  const ended = { model, input: [join(samples, '*.jpg')], output, signal: AbortSignal.abort(new Error('enough')) };
  await assert.rejects(run(ended), /^Error: enough$/);
});

test('a cell of a table that is no name is told', async (t) => {
  const { folder, names } = workplace(t);
  const path = join(folder, 'table.parquet');
  const namesIn = (given) => {
    writeFileSync(path, Buffer.from(parquetWriteBuffer(given)));
    return pictureNames(beit, [path]);
  };
  const namesOf = (...columnData) => namesIn({ columnData });
  const bytes = readFileSync(names[0]);
  // As Hugging Face's datasets have pictures.
  const image = { name: 'image', data: [{ bytes, path: 'a.jpg' }] };
  const text = (name) => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' });
  const imageSchema = [
    { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    text('path'),
  ];
  const schema = [{ name: 'root', num_children: 1 }, ...imageSchema];
  const sentence = /table\.parquet: .*its column image has pictures, or what else has parts; expected names/;
  await rejects(namesIn({ columnData: [image], schema }), 'malformed', sentence);
  const columnData = [image, { name: 'file_name', data: [names[0]] }];
  const both = [{ name: 'root', num_children: 2 }, ...imageSchema, text('file_name')];
  assert.deepEqual(await namesIn({ columnData, schema: both }), [names[0]], 'the next column has names');
  const one = (...data) => namesOf({ name: 'path', data });
  await rejects(one(names[0], null), 'malformed', /row 1 of the column path: got null, expected a path or an address/);
  await rejects(one(names[0], ''), 'malformed', /row 1 of the column path: got an empty text/);
  await rejects(namesOf({ name: 'path', data: [7] }), 'malformed', /row 0 of the column path: got number/);
  await rejects(namesOf({ name: 'image', data: [bytes], type: 'BYTE_ARRAY' }), 'malformed', /row 0 of the column image: got bytes/);
  await rejects(namesOf({ name: 'id', data: [1] }), 'malformed', /it has none of the columns path, url/);
});

test('linked folders are read, also where they are linked into themselves', async (t) => {
  const { folder, pictures, names } = workplace(t);
  const links = join(folder, 'links');
  mkdirSync(join(links, 'deep'), { recursive: true });
  symlinkSync(pictures, join(links, 'deep', 'linked'));
  symlinkSync('..', join(links, 'deep', 'above'));
  symlinkSync('nowhere', join(links, 'deep', 'broken'));
  symlinkSync(names[0], join(links, 'one.jpg'));
  for (const name of ['a.dib', 'a.mpo', 'a.pam', 'a.pfm']) copyFileSync(names[0], join(links, name));
  const linked = PICTURES.map((name) => join(links, 'deep', 'linked', name));
  const flat = ['a.dib', 'a.mpo', 'a.pam', 'a.pfm', 'one.jpg'].map((name) => join(links, name));
  assert.deepEqual(await pictureNames(beit, [links]), [...flat.slice(0, 4), ...linked, flat[4]]);
  // What is a picture to one command is to all.
  const [own, others] = ['packages/beit-wasm-batch/src/inputs.js', 'web/cli/image-folder.ts'].map(
    (path) => /^const PICTURE = (.*);$/m.exec(readFileSync(join(root, path), 'utf8'))[1],
  );
  assert.equal(own, others);
});

test('options that there are not, and values that cannot be, are refused', async (t) => {
  const { model, names, output } = workplace(t);
  const given = { model, input: names, output };
  const wrong = [
    [{ shardSize: 0 }, /^shardSize: got 0, expected a whole number of at least 1\.$/],
    [{ shardSize: '500' }, /^shardSize: got "500"/],
    [{ shardSize: NaN }, /^shardSize: got NaN/],
    [{ shardsize: 2 }, /^options: there is no option shardsize; expected one of task, model/],
    [{ onError: 'Stop' }, /^onError: got "Stop", expected "skip" or "stop"\.$/],
    [{ onError: 'stop', queue: 'redis://127.0.0.1:1' }, /^onError: it cannot be "stop" with a queue/],
    [{ options: { topk: 3 } }, /^options of classify: there is no option topk; expected one of topK\.$/],
    [{ options: { topK: 'x' } }, /^topK: got "x"/],
    [{ options: 3 }, /^options: got 3, expected an object\.$/],
    [{ task: 'segment', options: { topK: 3 } }, /^options of segment: there is no option topK; expected none\.$/],
    [{ task: 'features', options: { layer: 'last' } }, /^layer: got "last"/],
    [{ task: 'tokenize', options: { size: 112 } }, /^size: got 112, expected \{ height, width \} in multiples of 8\.$/],
    [{ resume: 'yes' }, /^resume: got "yes"/],
    [{ metrics: 70_000 }, /^metrics: got 70000, expected a port/],
    [{ queue: 'redis://127.0.0.1:1', output: null }, /^folder: got null/],
  ];
  for (const [more, sentence] of wrong) await rejects(run({ ...given, ...more }), 'invalid-argument', sentence);
  const job = await openJob(beit, { task: 'classify', model, output });
  afterwards(t, () => job.dispose());
  for (const size of [0, -1, '500', NaN, undefined, 1.5]) assert.throws(() => job.shardsOf(names, size), /^BeitError: shardSize: got /);
  await rejects(job.write({ name: 'x', pictures: [] }, { onError: 'Stop' }), 'invalid-argument', /^onError: got "Stop"/);
  await rejects(runWorker(beit, { queue: 'redis://127.0.0.1:1', lock: 0 }), 'invalid-argument', /^lock: got 0/);
  await rejects(controlQueue(beit, { queue: 'redis://127.0.0.1:1', action: 'clear' }), 'invalid-argument', /^action: got "clear"/);
  // What is not given has its default.
  const tokens = await openJob(beit, { task: 'tokenize', model: join(golden, 'dvae/dvae-tiny'), output, options: { size: undefined } });
  assert.deepEqual(tokens.facts.options, { size: { height: 112, width: 112 } });
  assert.equal((await openJob(beit, { task: 'segment', model: join(root, 'weights/embedded/segmentation'), output })).facts.format, 'png');
});

test('options of the command line that have no effect together are refused', async (t) => {
  const { folder, model, pictures } = workplace(t);
  const queue = ['--queue', 'redis://127.0.0.1:1'];
  const wrong = [
    ['classify', ['--layer', 'tokens'], '--layer is of --task features, and has no effect with --task classify'],
    ['classify', ['--normalize'], '--normalize is of --task features'],
    ['features', ['--top-k', '3'], '--top-k is of --task classify'],
    ['segment', ['--size', '16'], '--size is of --task tokenize'],
    ['classify', ['--no-wait'], '--no-wait has no effect without --queue'],
    ['classify', [...queue, '--engines', '2'], '--engines has no effect with --queue; give it to beit worker'],
    ['classify', [...queue, '--metrics', '9090'], '--metrics has no effect with --queue'],
  ];
  for (const [task, words, sentence] of wrong) {
    const given = ['batch', '--task', task, '--model', model, '--input', pictures, '--output', join(folder, 'none'), ...words];
    const { status, stderr } = await command(...given);
    assert.equal(status, 2, stderr);
    assert.ok(stderr.startsWith(`beit: The option ${sentence}`), stderr);
  }
});

test('folders that cannot be made or read, another size of shards, and a picture that fails are told of once', async (t) => {
  const { folder, model, names, output } = workplace(t);
  const file = join(folder, 'file');
  writeFileSync(file, 'x');
  await rejects(run({ model, input: names, output: file }), 'invalid-argument', /file: it is not a folder\.$/);
  await rejects(run({ model, input: names, output: join(file, 'below') }), 'invalid-argument', /it is not a folder\.$/);
  if (process.getuid?.() !== 0) {
    chmodSync(join(folder, 'pictures'), 0);
    await rejects(pictureNames(beit, [join(folder, 'pictures')]), 'io', /pictures: it cannot be read \(EACCES/);
    chmodSync(join(folder, 'pictures'), 0o755);
  }
  await run({ model, input: names, output, shardSize: 2 });
  await rejects(
    run({ model, input: names, output, shardSize: 3, resume: true }),
    'invalid-argument',
    /is of other pictures than these, or of another number of them \(--shard-size\)/,
  );
  const missing = join(folder, 'none.jpg');
  const list = join(folder, 'list.txt');
  writeFileSync(list, missing);
  const stopping = run({ model, input: [list], output: join(folder, 'other'), onError: 'stop' });
  await rejects(stopping, 'not-found', /^(?!.*none\.jpg.*none\.jpg).*none\.jpg: there is no such file\.$/);
});

test('rows of all tokens fit: lines and row groups are written in pieces, and a shard without an answer has the same columns', async (t) => {
  const { folder, model } = workplace(t);
  const values = Array.from({ length: 3 }, (_, i) => new Float32Array(2 ** 17).fill(0.125 + i));
  const columns = [
    { name: 'path', kind: 'text', values: ['a', 'b', 'c'] },
    { name: 'embedding', kind: 'vector', values, length: 2 ** 17 },
  ];
  const content = FORMATS.jsonl.write({ columns });
  const pieces = [...content];
  // A line is passed on as soon as it is there.
  assert.equal(pieces.length, 2);
  const lines = Buffer.concat(pieces).toString().trim().split('\n').map(JSON.parse);
  assert.deepEqual(
    lines.map(({ path, embedding }) => [path, embedding.length, embedding.at(-1)]),
    ['a', 'b', 'c'].map((path, i) => [path, 2 ** 17, 0.125 + i]),
  );
  assert.deepEqual(Buffer.concat([...content]), Buffer.concat(pieces), 'and once more, where the disk was full');
  const long = columns.map((column) => ({ ...column, values: Array.from({ length: 40 }, (_, i) => column.values[i % 3]) }));
  const table = join(folder, 'long.parquet');
  writeFileSync(table, await FORMATS.parquet.write({ columns: long, metadata: {} }));
  const { row_groups: groups } = await parquetMetadataAsync(await asyncBufferFromFile(table));
  assert.deepEqual(
    groups.map((group) => Number(group.num_rows)),
    [32, 8],
  );
  const damaged = join(folder, 'damaged.png');
  writeFileSync(damaged, 'no picture');
  for (const [layer, length] of [
    ['pooled', 4],
    ['tokens', 20],
    [0, 20],
  ]) {
    const output = join(folder, String(layer));
    assert.equal(await run({ task: 'features', model, input: [damaged], output, format: 'arrow', options: { layer } }), 1);
    const { schema } = tableFromIPC(readFileSync(join(output, shardsIn(output)[0])));
    assert.equal(String(schema.fields.find(({ name }) => name === 'embedding').type), `FixedSizeList[${length}]<Float32>`);
  }
});
