// beit batch: what other tools read of its shards, what is left of a batch that was ended, and going on with it.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import initParquet, { readParquet } from 'parquet-wasm/esm';
import * as beit from '../../dist/node.js';
import { openJob, pictureNames, runBatch, runSimilar } from '../../packages/beit-wasm-batch/index.js';
import { openMetrics } from '../../packages/beit-wasm-batch/src/metrics.js';
import { PICTURES, samples, shardsIn, workplace as wholeWorkplace } from './batch-workplace.mjs';
import { commandFor, freePort } from './queue-server.mjs';
import { afterwards, batchWords, golden, noSignals, rejects, root, serve } from './support.mjs';
import { config, files } from './tiny-checkpoint.mjs';

const segmentation = join(root, 'weights/embedded/segmentation');

/** The same with one picture that is damaged. */
function workplace(t) {
  const place = wholeWorkplace(t);
  writeFileSync(join(place.pictures, 'damaged.png'), 'no picture');
  return place;
}

/** Does a batch in this process. Returns { status, events }. */
async function run(given, terminal = {}) {
  const events = [];
  const status = await runBatch(
    beit,
    { engines: 2, options: {}, ...given },
    { print: (line) => events.push(JSON.parse(line)), terminal, process: noSignals },
  );
  return { status, events };
}

async function rowsOf(path) {
  if (path.endsWith('.jsonl'))
    return readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  if (path.endsWith('.parquet')) return parquetReadObjects({ file: await asyncBufferFromFile(path) });
  return tableFromIPC(readFileSync(path))
    .toArray()
    .map((row) => row.toJSON());
}

async function allRows(folder) {
  const rows = [];
  for (const name of shardsIn(folder)) rows.push(...(await rowsOf(join(folder, name))));
  return rows;
}

/** Returns the number of a process that has ended. */
const pidOfNone = () => spawnSync(process.execPath, ['--version']).pid;

/** A Python that has pyarrow: BEIT_PYTHON, or the system's. */
const python = [process.env.BEIT_PYTHON, 'python3'].find((program) => {
  try {
    execFileSync(program ?? '', ['-c', 'import pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

test('a row a picture, the same in each format, with what failed', async (t) => {
  const { model, pictures, folder } = workplace(t);
  const extract = await beit.pipeline('image-feature-extraction', model, { worker: true, threads: 1 });
  const expected = await extract(PICTURES.map((name) => join(samples, name)));
  await extract.dispose();
  for (const format of ['jsonl', 'parquet', 'arrow', 'safetensors']) {
    const output = join(folder, format);
    const { status, events } = await run({
      task: 'features',
      model,
      input: [pictures],
      output,
      format,
      shardSize: 3,
      options: { layer: 'pooled' },
    });
    const job = await openJob(beit, { task: 'features', model, output, format });
    const errors = await Promise.all(shardsIn(output).map((name) => job.errorsIn({ name })));
    assert.deepEqual(errors.sort(), [0, 0, 1]);
    if (format === 'safetensors') continue;
    assert.equal(status, 1, 'one failed');
    assert.deepEqual([events.at(-1).done, events.at(-1).errors], [PICTURES.length + 1, 1]);
    assert.equal(shardsIn(output).length, 3);
    const rows = await allRows(output);
    assert.deepEqual(
      rows.map(({ path }) => path),
      [...PICTURES, 'damaged.png'].sort().map((name) => join(pictures, name)),
    );
    for (const row of rows) {
      if (row.path.endsWith('damaged.png')) {
        assert.deepEqual([row.status, row.error_code, row.width, row.embedding ?? null], ['error', 'bad-image', null, null]);
        assert.match(row.error_message, /\.$/);
        continue;
      }
      const bytes = readFileSync(row.path);
      assert.deepEqual([row.status, row.width, row.height], ['ok', 256, 256]);
      assert.equal(row.sha256, createHash('sha256').update(bytes).digest('hex'));
      assert.ok(row.milliseconds > 0);
      const vector = expected[PICTURES.findIndex((name) => row.path.endsWith(name))].data;
      assert.deepEqual(Float32Array.from(row.embedding), vector, `${format} ${row.path}`);
    }
  }
});

test('Parquet is read by another library, with vectors of one length and the model in its metadata', async (t) => {
  const { model, pictures, output } = workplace(t);
  await run({ task: 'features', model, input: [pictures], output, format: 'parquet', options: { layer: 'pooled' } });
  const [name] = shardsIn(output);
  await initParquet(readFileSync(join(root, 'node_modules/parquet-wasm/esm/parquet_wasm_bg.wasm')));
  const table = tableFromIPC(readParquet(readFileSync(join(output, name))).intoIPCStream());
  assert.equal(table.numRows, PICTURES.length + 1);
  const { type } = table.schema.fields.find((field) => field.name === 'embedding');
  assert.equal(String(type), `FixedSizeList[${config.hidden_size}]<Float32>`);
  const { key_value_metadata: metadata } = await parquetMetadataAsync(await asyncBufferFromFile(join(output, name)));
  const facts = JSON.parse(metadata.find(({ key }) => key === 'beit-wasm-batch').value);
  assert.match(facts.sum, /^[0-9a-f]{64}$/);
  assert.deepEqual(facts.options, { layer: 'pooled' });
  assert.deepEqual(facts, JSON.parse(readFileSync(join(output, 'batch.json'), 'utf8')));
});

test('pyarrow reads Parquet and Arrow alike', { skip: !python && 'no Python with pyarrow (BEIT_PYTHON names one)' }, async (t) => {
  const { model, pictures, folder } = workplace(t);
  for (const format of ['parquet', 'arrow'])
    await run({ task: 'features', model, input: [pictures], output: join(folder, format), format, options: { layer: 'pooled' } });
  const paths = ['parquet', 'arrow'].map((format) => join(folder, format, shardsIn(join(folder, format))[0]));
  const script = `
import json, sys
import pyarrow.parquet, pyarrow.feather
a = pyarrow.parquet.read_table(sys.argv[1])
b = pyarrow.feather.read_table(sys.argv[2])
assert str(a.schema.field('embedding').type) == str(b.schema.field('embedding').type), (a.schema, b.schema)
a, b = a.drop(['milliseconds']), b.drop(['milliseconds'])
assert a.to_pydict() == b.to_pydict()
print(json.dumps({'type': str(a.schema.field('embedding').type), 'rows': a.num_rows, 'first': a['embedding'][0].as_py(),
  'facts': json.loads(b.schema.metadata[b'beit-wasm-batch'])}))`;
  const { type, rows, first, facts } = JSON.parse(execFileSync(python, ['-c', script, ...paths], { encoding: 'utf8' }));
  assert.equal(type, `fixed_size_list<element: float not null>[${config.hidden_size}]`);
  assert.equal(rows, PICTURES.length + 1);
  assert.deepEqual(first, [...(await rowsOf(paths[1]))[0].embedding]);
  assert.equal(facts.task, 'features');
});

test('classification, segmentation with maps, and tokens', async (t) => {
  const { model, pictures, folder } = workplace(t);
  const input = [join(pictures, '*.jpg')];
  const where = (name) => join(folder, name);
  await run({ task: 'classify', model, input, output: where('c'), format: 'parquet', options: { topK: 2 } });
  for (const { label, score, labels, scores } of await allRows(where('c'))) {
    assert.deepEqual([label, score], [labels[0], scores[0]]);
    assert.equal(labels.length, 2);
  }
  await run({ task: 'segment', model: segmentation, input: [input[0].replace('*', 'farm')], output: where('p'), format: 'png' });
  await run({ task: 'segment', model: segmentation, input: [input[0].replace('*', 'farm')], output: where('s'), format: 'arrow' });
  const [row] = await allRows(where('s'));
  const [shard] = shardsIn(where('p'));
  assert.deepEqual(readdirSync(join(where('p'), shard)).sort(), ['000000.png', 'batch.json', 'index.jsonl']);
  const job = await openJob(beit, { task: 'segment', model: segmentation, output: where('p') });
  assert.equal(await job.errorsIn({ name: shard }), 0);
  const map = readFileSync(join(where('p'), shard, '000000.png'));
  assert.deepEqual(Buffer.from(row.map), map);
  const segment = await beit.pipeline('image-segmentation', segmentation, { worker: true });
  const found = await segment(join(pictures, 'farm.jpg'));
  await segment.dispose();
  const engine = await beit.createEngine();
  const { data } = await engine.decodeImage(map, 'map');
  await engine.dispose();
  assert.deepEqual(
    Array.from(found.labels),
    Array.from(found.labels, (_, i) => data[3 * i]),
  );
  assert.deepEqual(
    [...row.ids],
    found.legend.map(({ id }) => id),
  );
  const tokenizer = join(golden, 'dvae/dvae-tiny');
  await run({
    task: 'tokenize',
    model: tokenizer,
    input,
    output: where('t'),
    format: 'safetensors',
    options: { size: { height: 16, width: 24 } },
  });
  const bytes = readFileSync(join(where('t'), shardsIn(where('t'))[0]));
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())));
  assert.deepEqual(header.tokens.shape, [PICTURES.length, 6]);
  assert.equal(header.__metadata__.rows.trim().split('\n').length, PICTURES.length);
});

test('what a format cannot hold, and inputs without a picture, are refused', async (t) => {
  const { model, pictures, folder, output } = workplace(t);
  await rejects(
    run({ task: 'classify', model, input: [pictures], output, format: 'png' }),
    'invalid-argument',
    /format: got "png", expected jsonl/,
  );
  await rejects(run({ task: 'paint', model, input: [pictures], output }), 'invalid-argument', /task/);
  await rejects(run({ task: 5n, model, input: [pictures], output }), 'invalid-argument', /task: got bigint/);
  await rejects(run({ task: 'classify', model, input: [join(folder, 'none')], output }), 'not-found');
  await rejects(run({ task: 'classify', model, input: [join(folder, '*.gif')], output }), 'not-found', /no picture/);
});

test('names come from folders, patterns, lists, tables, standard input and servers', async (t) => {
  const { folder, pictures } = workplace(t);
  const jpegs = PICTURES.map((name) => join(pictures, name));
  const names = (...words) => pictureNames(beit, words);
  for (const none of ['photos', null, undefined, 7, {}, [7]])
    await rejects(pictureNames(beit, none), 'invalid-argument', /^input: got .*, expected a list of texts/);
  for (const none of [null, undefined, 7, {}])
    await rejects(runSimilar(beit, { set: none, pictures: ['x'] }), 'invalid-argument', /^folder: got .*, expected a path/);
  assert.deepEqual(await names(join(pictures, '*.jpg')), jpegs);
  assert.deepEqual(await names(pictures), [...jpegs, join(pictures, 'damaged.png')].sort());
  const list = join(folder, 'list.txt');
  writeFileSync(list, `${jpegs.join('\r\n')}\n\n`);
  assert.deepEqual(await names(list, jpegs[0]), [...jpegs, jpegs[0]]);
  const table = join(folder, 'table.parquet');
  writeFileSync(
    table,
    Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: [1, 2] },
          { name: 'path', data: jpegs.slice(0, 2) },
        ],
      }),
    ),
  );
  assert.deepEqual(await names(table), jpegs.slice(0, 2));
  assert.deepEqual(await pictureNames(beit, ['-'], Readable.from([jpegs[0], '\n', jpegs[1]], { objectMode: false })), jpegs.slice(0, 2));
  const { base } = await serve(t, (request, response) =>
    response.end(request.url === '/list.txt' ? `${jpegs[0]}\n` : readFileSync(jpegs[0])),
  );
  assert.deepEqual(await names(`${base}list.txt`, `${base}picture`), [jpegs[0], `${base}picture`]);
});

test('a batch goes on where it was left, and mixes with no other', async (t) => {
  const { folder, model, pictures, output } = workplace(t);
  const given = { task: 'classify', model, input: [pictures], output, shardSize: 2, options: { topK: 1 } };
  const job = await openJob(beit, { ...given, engines: 1 });
  const shards = job.shardsOf(await pictureNames(beit, [pictures]), 2);
  await job.finished(shards);
  await job.write(shards[1]);
  await job.dispose();
  assert.deepEqual(shardsIn(output), [shards[1].name]);
  const left = join(output, `${shards[0].name}.${pidOfNone()}-00ff00ff.part`);
  writeFileSync(left, 'of a process that was killed');
  const before = readFileSync(join(output, shards[1].name));
  await rejects(run(given), 'invalid-argument', /1 of 4 shards are finished; expected an empty folder, or --resume/);
  assert.ok(existsSync(left), 'whoever is refused changes nothing');
  const { events } = await run({ ...given, resume: true });
  assert.equal(events[0].finished, 1);
  assert.equal(events.at(-1).done, 5);
  assert.deepEqual(readdirSync(output).sort(), [...shards.map(({ name }) => name), 'batch.json'].sort());
  assert.deepEqual(readFileSync(join(output, shards[1].name)), before);
  assert.equal((await run({ ...given, resume: true })).events.at(-1).done, 0, 'nothing is left to do');

  await rejects(
    run({ ...given, resume: true, options: { topK: 2 } }),
    'invalid-argument',
    /made with options \{"topK":1\}, not \{"topK":2\}/,
  );
  const other = join(folder, 'other');
  mkdirSync(other);
  for (const [name, bytes] of Object.entries(files()))
    writeFileSync(
      join(other, name),
      name.endsWith('.safetensors') ? bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)) : bytes,
    );
  await rejects(run({ ...given, resume: true, model: other }), 'invalid-argument', /of another model/);
  rmSync(join(pictures, 'damaged.png'));
  await rejects(run({ ...given, resume: true }), 'invalid-argument', /is of other pictures than these/);
});

test('what lies in the output besides stays, and so does what another process is writing', async (t) => {
  const { model, pictures, output } = workplace(t);
  const shard = '00000-0123456789abcdef.jsonl';
  const kept = [
    'film.mkv.part',
    'folder.part',
    'notes.jsonl.12-00ff00ff.part',
    `${shard}.12-f.part`,
    `${shard}.${process.ppid}-00ff00ff.part`,
  ];
  const removed = [
    `batch.json.${pidOfNone()}-00ff00ff.part`,
    `${shard}.${pidOfNone()}-00ff00ff.part`,
    `${shard}.${process.pid}-00ff00ff.part`,
  ];
  for (const name of [...kept, ...removed]) {
    mkdirSync(join(output, name), { recursive: true });
    writeFileSync(join(output, name, 'file'), 'x');
  }
  await run({ task: 'classify', model, input: [pictures], output });
  const there = readdirSync(output);
  assert.deepEqual(there.filter((name) => name.endsWith('.part')).sort(), kept.sort());
  for (const name of kept) assert.equal(readFileSync(join(output, name, 'file'), 'utf8'), 'x');
});

test('with --on-error stop the shard of a damaged picture is not written', async (t) => {
  const { model, pictures, output } = workplace(t);
  const given = { task: 'classify', model, input: [pictures], output, shardSize: 1, onError: 'stop' };
  await rejects(run(given), 'bad-image', /damaged\.png: /);
  const rows = await allRows(output);
  assert.ok(rows.length >= 1 && rows.every(({ status }) => status === 'ok'));
  assert.ok(!readdirSync(output).some((name) => name.endsWith('.part')));
});

test('figures are served while it runs, and a terminal sees a bar', async (t) => {
  const { model, pictures, output } = workplace(t);
  let written = '';
  let figures = '';
  let health = 0;
  const terminal = { isTTY: true, columns: 100, write: (text) => (written += text) };
  const said = [];
  const slow = await serve(t, async (request, response) => {
    try {
      figures = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      health = (await fetch(`http://127.0.0.1:${port}/health`)).status;
    } finally {
      // The batch waits for it.
      response.end(readFileSync(join(samples, PICTURES[0])));
    }
  });
  const port = await freePort();
  const status = await runBatch(
    beit,
    { task: 'classify', model, input: [pictures, `${slow.base}last`], output, engines: 1, metrics: port, options: {} },
    { print: (line) => said.push(line), terminal, process: noSignals },
  );
  assert.equal(status, 1);
  assert.equal(health, 200);
  assert.match(figures, /^beit_pictures_total\{status="ok"\} \d/m);
  assert.match(figures, new RegExp(`^beit_pictures_expected ${PICTURES.length + 2}$`, 'm'));
  assert.match(figures, /^beit_picture_seconds_bucket/m);
  assert.match(written, /\[#*-*\] +\d+ % {2}\d+ of 8 /);
  assert.match(said.at(-1), /8 pictures, 1 errors, /);
});

test('a port that is taken ends a batch and a worker with a sentence, and figures that cannot be told are 503', {
  timeout: 60_000,
}, async (t) => {
  const { model, pictures, output } = workplace(t);
  const port = Number(new URL((await serve(t, () => undefined)).base).port);
  const sentence = new RegExp(
    `^metrics: port ${port} cannot be listened on \\(.*EADDRINUSE.*\\); expected one that is free \\(--metrics PORT\\)\\.$`,
  );
  await rejects(run({ task: 'classify', model, input: [pictures], output, metrics: port }), 'invalid-argument', sentence);
  // Its queue is nowhere, and is not waited for.
  const { status, complaint } = await commandFor(t, ['worker', '--queue', 'redis://127.0.0.1:1', '--metrics', String(port)]).ended;
  assert.equal(status, 2);
  assert.match(complaint.replace(/^beit: |\n$/g, ''), sentence);
  const free = await freePort();
  const metrics = await openMetrics(beit, free, () => Promise.reject(new Error('Connection is closed')));
  afterwards(t, () => metrics.close());
  const answer = await fetch(`http://127.0.0.1:${free}/metrics`);
  assert.deepEqual([answer.status, await answer.text()], [503, 'The figures cannot be told (Connection is closed).\n']);
  assert.equal((await fetch(`http://127.0.0.1:${free}/health`)).status, 200);
});

test('killed at any moment a batch loses no finished shard, and goes on; signals finish a shard or put it back', {
  timeout: 180_000,
}, async (t) => {
  const { model, pictures, folder, output } = workplace(t);
  const list = join(folder, 'list.txt');
  // So many that none of them is over before the signal comes, however busy the machine is.
  const names = Array.from({ length: 600 }, (_, i) => join(pictures, PICTURES[i % PICTURES.length]));
  writeFileSync(list, names.join('\n'));
  const words = [...batchWords({ model, list, output }), '--engines', '2', '--resume'];
  /** Runs the command until `count` shards are reported, then sends the signal. Returns the exit status, null for a kill. */
  const until = async (count, name) => {
    const { child, events, ended } = commandFor(t, words);
    let isSent = false;
    child.stdout.on('data', () => {
      if (isSent || events.filter(({ event }) => event === 'shard').length < count) return;
      isSent = true;
      child.kill(name);
    });
    return (await ended).status;
  };
  assert.equal(await until(2, 'SIGKILL'), null);
  const first = shardsIn(output);
  assert.ok(first.length >= 2 && first.length < 60);
  for (const name of first) assert.equal((await rowsOf(join(output, name))).length, 10);
  assert.equal(await until(1, 'SIGTERM'), 143);
  const second = shardsIn(output);
  assert.ok(second.length > first.length && second.length < 60);
  assert.equal(await until(1, 'SIGINT'), 130);
  assert.ok(!readdirSync(output).some((name) => name.endsWith('.part')));
  assert.equal(await until(Infinity), 0);
  assert.deepEqual(
    (await allRows(output)).map(({ path }) => path),
    names,
  );
});
