// What is no object in place of options, or of another kind than an option that all share: every function of the declarations that takes some says so,
// by a BeitError.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import ts from 'typescript';
import * as library from '../../dist/node.js';
import * as batch from '../../packages/beit-wasm-batch/index.js';
import { drawGround } from '../browser/pages/ground.js';
import { noise, smallFiles } from './small-checkpoint.mjs';
import { afterwards, golden, root, temporaryFolder } from './support.mjs';
import { files, maskedFiles, pixelValues } from './tiny-checkpoint.mjs';

const { BeitError, createEngine, createPool, DalleTokenizer, pipeline, SegmentationTeacher, Teacher, train } = library;
const NO_OPTIONS = [null, 7, 'x', true, [{}], () => ({})];
const segmentation = join(root, 'weights/embedded/segmentation');
const dvae = join(golden, 'dvae/dvae-tiny');
const picture = join(root, 'tests/fixtures/images/rgb.png');

// Without the check some ended the process: a listener is called where nobody catches what it throws.
const OF_ANOTHER_KIND = [
  [{ signal: {} }, /signal/],
  [{ onProgress: 'x' }, /onProgress/],
  [{ onStep: 7 }, /onStep/],
];

// What the library itself calls, of which an engine's methods are rejections.test's, and errors, which take facts.
const NOT_OPTIONS = /^((Engine|Source|KeptForm)\..*|\w+Error)$/;

/** Returns the names of what a file of declarations has that takes options: Class.method, Interface.method, function. */
function takers(path) {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const weak = new Set();
  for (const node of file.statements)
    if (ts.isInterfaceDeclaration(node) && node.members.length > 0 && node.members.every(({ questionToken }) => questionToken))
      weak.add(node.name.text);
  const takesOptions = ({ name, type }) =>
    /^(options|call)$/.test(name.getText()) ||
    ts.isObjectBindingPattern(name) ||
    (type?.getText().match(/\w+/g) ?? []).some((word) => weak.has(word) || /(Options|Configuration|Host)$/.test(word));
  const found = new Set();
  const visit = (node, path) => {
    const hidden = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ProtectedKeyword || kind === ts.SyntaxKind.PrivateKeyword);
    if (hidden || ts.isInferTypeNode(node) || ts.isConditionalTypeNode(node)) return;
    const own = node.name && !ts.isParameter(node) && !ts.isTypeParameterDeclaration(node) ? [...path, node.name.getText()] : path;
    if (ts.isFunctionLike(node) && node.parameters.some(takesOptions) && !(ts.isFunctionTypeNode(node) && path.length > 1))
      found.add(own.join('.'));
    ts.forEachChild(node, (child) => visit(child, own));
  };
  visit(file, []);
  return [...found].filter((name) => !NOT_OPTIONS.test(name)).sort();
}

/** Holds the calls against the declarations, and each against what is no object, and against `more`: [options, what the sentence says]. */
async function check(names, calls, more = []) {
  assert.deepEqual(Object.keys(calls).sort(), names, 'a call for each, and no other');
  const noObject = /^(options|host): got (null|number|string|boolean|a list|function), expected an object/;
  for (const [name, call] of Object.entries(calls))
    for (const [wrong, sentence] of [...NO_OPTIONS.map((none) => [none, noObject]), ...more]) {
      let thrown = null;
      try {
        await call(wrong);
      } catch (error) {
        thrown = error;
      }
      const what = `${name} with ${JSON.stringify(wrong) ?? 'a function'}`;
      assert.ok(thrown instanceof BeitError, `${what}: ${thrown?.stack ?? 'it is taken'}`);
      assert.equal(thrown.code, 'invalid-argument', what);
      assert.match(thrown.message, sentence, what);
    }
}

test('the library', async (t) => {
  const engine = await createEngine({ build: 'simd', worker: false });
  afterwards(t, () => engine.dispose());
  const open = async (opened) => {
    const one = await opened;
    afterwards(t, () => one.dispose());
    return one;
  };
  const { blockMask, chooseBuild, configure, convert, detectCapabilities, inspect, resolveSource, runtimeInfo } = library;
  const calls = {
    blockMask,
    configure,
    convert: (options) => convert(files(), options),
    createEngine,
    createPool,
    detectCapabilities,
    inspect: (options) => inspect(files(), options),
    pipeline: (options) => pipeline('image-classification', null, options),
    resolveSource: (options) => resolveSource(files(), options),
    runtimeInfo,
    train,
  };
  const { capabilities } = runtimeInfo();
  calls.chooseBuild = (options) => chooseBuild(capabilities, options);

  for (const name of ['BeitConfig', 'AutoConfig', 'BeitImageProcessor']) {
    calls[`${name}.fromPretrained`] = (options) => library[name].fromPretrained(files(), options);
    calls[`${name}.fromJSON`] = (options) => library[name].fromJSON('{}', options);
  }
  for (const [name, source] of [
    ['BeitModel', files()],
    ['BeitForImageClassification', files()],
    ['BeitForMaskedImageModeling', maskedFiles(96)],
    ['BeitForSemanticSegmentation', segmentation],
    ['BeitBackbone', files()],
    ['FlaxBeitModel', files()],
    ['FlaxBeitForImageClassification', files()],
    ['FlaxBeitForMaskedImageModeling', maskedFiles(96)],
  ]) {
    const model = await open(library[name].fromPretrained(source, { engine }));
    calls[`${name}.fromPretrained`] = (options) => library[name].fromPretrained(source, options);
    calls[`${name}.forward`] = (options) => model.forward({ pixelValues }, options);
  }

  const classify = await open(pipeline('image-classification', files(), { engine }));
  calls['Pipeline'] = (options) => classify(picture, options);
  calls['Pipeline.stream'] = (options) => classify.stream([picture], options).next();
  calls['BeitImageProcessor.preprocess'] = (options) => classify.processor.preprocess(picture, options);
  const logits = { dims: [1, 2, 1, 1], data: Float32Array.of(1, 2) };
  calls['BeitImageProcessor.postProcessSemanticSegmentation'] = (options) =>
    classify.processor.postProcessSemanticSegmentation({ logits }, options);

  const tokenizer = await open(DalleTokenizer.fromPretrained(dvae, { engine }));
  const tokens = await tokenizer.encode(picture);
  const pixels = { dims: [1, 3, 32, 32], data: new Float32Array(3 * 32 * 32) };
  Object.assign(calls, {
    'DalleTokenizer.fromPretrained': (options) => DalleTokenizer.fromPretrained(dvae, options),
    'DalleTokenizer.encode': (options) => tokenizer.encode(picture, options),
    'DalleTokenizer.encodePixels': (options) => tokenizer.encodePixels(pixels, options),
    'DalleTokenizer.decode': (options) => tokenizer.decode(tokens, options),
    'DalleTokenizer.decodeTokens': (options) =>
      tokenizer.decodeTokens({ dims: [1, tokens.height, tokens.width], data: tokens.data }, options),
  });

  const pool = await open(createPool({ engines: 1, build: 'simd' }));
  const pooled = await open(pool.pipeline('image-classification', files()));
  const parts = await open(pool.open((own) => pipeline('image-classification', files(), { engine: own })));
  Object.assign(calls, {
    'EnginePool.pipeline': (options) => pool.pipeline('image-classification', null, options),
    'Pooled.run': (options) => parts.run(async () => 1, options),
    'PooledPipeline.results': (options) => pooled.results([picture], options).next(),
  });
  const alike = { Pipeline: calls['Pipeline'], 'Pipeline.stream': calls['Pipeline.stream'] };
  calls['Pipeline'] = async (options) => {
    await assert.rejects(pooled(picture, options), BeitError);
    await assert.rejects(pooled([picture], options), BeitError);
    return alike['Pipeline'](options);
  };
  calls['Pipeline.stream'] = async (options) => {
    await assert.rejects(pooled.stream([picture], options).next(), BeitError);
    return alike['Pipeline.stream'](options);
  };

  const teacher = await open(Teacher.from(smallFiles(), { engine }));
  for (const [i, label] of ['a', 'b'].entries()) await teacher.add(label, [noise(i), noise(i + 2)]);
  await teacher.fit();
  const project = teacher.project();
  const shared = await open(Teacher.from(null, { engine }));
  for (const [i, label] of ['a', 'b'].entries()) await shared.add(label, [noise(i), noise(i + 2)]);
  await shared.fit();
  const link = shared.link();
  const painter = await open(SegmentationTeacher.from(segmentation, { engine }));
  const ground = drawGround(1);
  const map = await painter.look(ground);
  for (const [i, label] of ['a', 'b'].entries()) painter.paint(map, { label, points: [[9 + 20 * i, 9]], width: 4 });
  await painter.fit();
  const strokes = painter.project();
  const nowhere = { create: () => assert.fail('nothing is written') };
  Object.assign(calls, {
    'Teacher.from': (options) => Teacher.from(null, options),
    'Teacher.open': (options) => Teacher.open(project, options),
    'Teacher.fromLink': (options) => Teacher.fromLink(link, options),
    'Teacher.add': (options) => teacher.add('a', noise(1), options),
    'Teacher.fit': (options) => teacher.fit(options),
    'Teacher.classify': (options) => teacher.classify(noise(1), options),
    'Teacher.pipeline': (options) => teacher.pipeline(options),
    'Teacher.save': (options) => teacher.save(nowhere, options),
    'SegmentationTeacher.from': (options) => SegmentationTeacher.from(null, options),
    'SegmentationTeacher.open': (options) => SegmentationTeacher.open(strokes, options),
    'SegmentationTeacher.look': (options) => painter.look(ground, options),
    'SegmentationTeacher.fit': (options) => painter.fit(options),
    'SegmentationTeacher.segment': (options) => painter.segment(map, options),
    'SegmentationTeacher.pipeline': (options) => painter.pipeline(options),
    'SegmentationTeacher.save': (options) => painter.save(nowhere, options),
    TrainingRun: train,
    'TrainingRun.save': (options) => train({ data: [], method: 'full' }).save(nowhere, options),
  });
  await check(takers(join(root, 'dist/index.d.ts')), calls, OF_ANOTHER_KIND);
  assert.deepEqual(configure({}), {}, 'and nothing is set');
});

test('its batches', async (t) => {
  const names = takers(join(root, 'packages/beit-wasm-batch/index.d.ts'));
  const { controlQueue, openJob, runBatch, runSimilar, runWorker } = batch;
  const given = (run) => (options) => run(library, options);
  const job = await openJob(library, { task: 'classify', model: files(), output: temporaryFolder(t) });
  afterwards(t, () => job.dispose());
  await check(names, {
    'Job.write': (options) => job.write({ name: 'none', pictures: [] }, options),
    controlQueue: given(controlQueue),
    openJob: given(openJob),
    runBatch: given(runBatch),
    runSimilar: given(runSimilar),
    runWorker: given(runWorker),
  });
});
