// `npm run corpus`: every picture of Pillow's own tests, decoded by the core and by Pillow.
//   npm run corpus -- [--images FOLDER] [--python PROGRAM] [--all]
//     --images   of pictures to compare (default: Tests/images of Pillow's source package)
//     --python   that has Pillow (default: one that is made for this)
//     --all      prints each file, not only those that differ
// It needs Python with pip, and fetches Pillow and its source package (45 MB) into the tools' folder; `npm test` leaves it
// out where these cannot be had. What differs must be in tools/corpus/expected.json, with a reason; anything else is a
// failure, and so is what stands there and does not differ any more.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { installPrograms } from './machine.mjs';
import { root, tools } from './places.mjs';
import { Failure, main, probe, run, say, step } from './report.mjs';

const PILLOW = '13.0.0';
const SOURCE = `pillow-${PILLOW}.tar.gz`;
const SOURCE_SHA256 = 'cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510';
const HERE = join(root, 'tools', 'corpus');
const EXPECTED = join(HERE, 'expected.json');

// JPEG leaves rounding to the decoder: as far off as the issue of it allows, on average and at most.
const CLOSE_MEAN = 1;

/** Makes an environment with Pillow. Returns its python. */
async function python(folder) {
  const program = join(folder, 'python', 'bin', 'python');
  if (existsSync(join(folder, 'python', 'complete'))) return program;
  const complete = await probe('python3', ['-c', 'import ensurepip, venv']);
  if (complete === null) await installPrograms({ 'python3-venv': 'python3-venv' }); // Debian's has these modules apart
  await step(`python environment with Pillow ${PILLOW}`, async () => {
    await run('python3', ['-m', 'venv', '--clear', join(folder, 'python')], { log: 'corpus-venv' });
    await run(program, ['-m', 'pip', 'install', '-q', '--only-binary', ':all:', `pillow==${PILLOW}`], { log: 'corpus-pip' });
    writeFileSync(join(folder, 'python', 'complete'), '');
  });
  return program;
}

/** Fetches Pillow's source package. Returns the folder of its test images. */
async function testImages(folder, program) {
  const images = join(folder, `pillow-${PILLOW}`, 'Tests', 'images');
  if (existsSync(join(folder, 'unpacked'))) return images;
  await step(`Pillow's test images`, async () => {
    const archive = join(folder, SOURCE);
    if (!existsSync(archive)) await run(program, [join(HERE, 'fetch.py'), 'pillow', SOURCE, folder], { log: 'corpus-download' });
    const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
    if (sha256 !== SOURCE_SHA256) throw new Failure(`${archive}: its SHA-256 is ${sha256}, expected ${SOURCE_SHA256}.`);
    await run('tar', ['-xzf', archive, '-C', folder, `pillow-${PILLOW}/Tests/images`], { log: 'corpus-tar' });
    writeFileSync(join(folder, 'unpacked'), '');
  });
  return images;
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)]));
}

/** Returns how two pictures compare: the outcome, and for a person how far they are apart. */
function compare(ours, theirs) {
  if (ours.error && theirs.error) return { outcome: 'refused by both' };
  if (ours.error) return { outcome: 'refused here', detail: ours.error };
  if (theirs.error) return { outcome: 'refused by Pillow', detail: theirs.error };
  if (ours.width !== theirs.width || ours.height !== theirs.height) {
    return { outcome: 'different', detail: `${ours.width} x ${ours.height}, Pillow ${theirs.width} x ${theirs.height}` };
  }
  let sum = 0,
    most = 0;
  for (let i = 0; i < ours.data.length; ++i) {
    const difference = Math.abs(ours.data[i] - theirs.data[i]);
    sum += difference;
    most = Math.max(most, difference);
  }
  if (most === 0) return { outcome: 'same' };
  const mean = sum / ours.data.length;
  const close = mean <= CLOSE_MEAN && ['JPEG', 'MPO'].includes(theirs.format);
  return { outcome: close ? 'close' : 'different', detail: `${mean.toFixed(2)} on average, ${most} at most` };
}

/** The reason that the list has for an outcome, or undefined. */
function reasonOf(expected, name, format, outcome) {
  return expected.find((entry) => entry.outcome === outcome && (entry.files?.includes(name) || (format && entry.formats?.includes(format))))
    ?.reason;
}

/** Returns { images, program }: the folder of pictures and the Python that has Pillow. Throws a Failure where these cannot be had. */
async function prepare({ images, python: given }) {
  const folder = join(tools, 'corpus');
  mkdirSync(folder, { recursive: true });
  const program = given ?? (await python(folder));
  return { images: images ?? (await testImages(folder, program)), program };
}

/** Has Pillow decode files into `raw`. Returns what it says of each. */
async function reference(program, raw, files) {
  rmSync(raw, { recursive: true, force: true });
  mkdirSync(raw, { recursive: true });
  await run(program, [join(HERE, 'reference.py'), raw, ...files], { log: 'corpus-reference' });
  const lines = JSON.parse(readFileSync(join(raw, 'reference.json'), 'utf8'));
  if (lines.length !== files.length) throw new Failure(`Pillow told of ${lines.length} files, expected ${files.length}.`);
  return lines;
}

/** Compares every file of a folder. Returns how many files have each outcome, and a line for each that was expected to have another. */
async function compareAll({ images, program, tell }) {
  const raw = join(root, 'build', 'corpus');
  const files = filesIn(images).filter((file) => statSync(file).size > 0);
  const lines = await reference(program, raw, files);
  const { createEngine } = await import(pathToFileURL(join(root, 'dist', 'node.js')).href);
  const engine = await createEngine({ build: 'simd' });
  const expected = JSON.parse(readFileSync(EXPECTED, 'utf8'));
  const listed = new Set(expected.flatMap((entry) => entry.files ?? []));
  const counts = {},
    unexpected = [];
  for (const [i, file] of files.entries()) {
    const name = relative(images, file);
    const ours = await engine.decodeImage(new Uint8Array(readFileSync(file)), name).catch((error) => ({ error: error.message }));
    const theirs = lines[i];
    if (!theirs.error) theirs.data = readFileSync(join(raw, `${i}.rgb`));
    const { outcome, detail } = compare(ours, theirs);
    delete theirs.data;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    const right = ['same', 'close', 'refused by both'].includes(outcome);
    const reason = right ? undefined : reasonOf(expected, name, theirs.format, outcome);
    const line = `${outcome.padEnd(18)} ${name}${detail ? `: ${detail}` : ''}${reason ? ` [${reason}]` : ''}`;
    if (right ? listed.has(name) : !reason) unexpected.push(line);
    tell?.(line);
  }
  await engine.dispose();
  rmSync(raw, { recursive: true, force: true });
  return { files: files.length, counts, unexpected };
}

/** Returns { passed, failed, skipped, output }, in pictures: one skipped where Pillow or its pictures cannot be had. */
export async function checkCorpus() {
  let prepared;
  try {
    prepared = await prepare({});
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`  Pillow's test images are left out: ${error.message.split('\n')[0]}`);
    return { passed: 0, failed: 0, skipped: 1, output: '' };
  }
  const { files, unexpected } = await compareAll(prepared);
  return { passed: files - unexpected.length, failed: unexpected.length, skipped: 0, output: unexpected.join('\n') };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    const options = { images: { type: 'string' }, python: { type: 'string' }, all: { type: 'boolean' } };
    const { values } = parseArgs({ args, options });
    const prepared = await prepare(values);
    const tell = values.all ? (line) => say(`  ${line}`) : undefined;
    const { files, counts, unexpected } = await compareAll({ ...prepared, tell });
    say(`\n  | outcome | files |\n  |---|---:|`);
    for (const [outcome, count] of Object.entries(counts).sort((a, b) => b[1] - a[1])) say(`  | ${outcome} | ${count} |`);
    say(`  | all | ${files} |`);
    if (unexpected.length)
      throw new Failure(`${unexpected.length} files are not as ${relative(root, EXPECTED)} says:\n${unexpected.join('\n')}`);
  });
}
