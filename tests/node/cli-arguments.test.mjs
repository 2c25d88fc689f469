// What the command line says to a user who mistypes: one sentence on stderr, exit status 2.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { beit, root, temporaryFolder } from './support.mjs';

const mistakes = [
  [[], /command is missing/],
  [['clasify'], /"clasify" is no command/],
  [['classify'], /IMAGE… is missing/],
  [['classify', '--colour', 'x.png'], /option --colour is unknown to beit classify/],
  [['classify', '-k', 'x.png'], /option -k is unknown/],
  [['classify', 'x.png', '--top-k'], /--top-k needs a value/],
  [['classify', 'x.png', '--top-k', '0'], /--top-k cannot be "0"; it is a whole number from 1 to \d+\./],
  [['classify', 'x.png', '--top-k=-3'], /--top-k cannot be "-3"/],
  [['classify', 'x.png', '--threads', 'many'], /--threads cannot be "many"/],
  [['classify', 'x.png', '--threads', '65'], /--threads cannot be "65"; it is a whole number from 1 to 64\./],
  [['classify', 'x.png', '--layer-norm-eps', '2'], /--layer-norm-eps cannot be "2"; it is a number from 0 to 1\./],
  [['classify', 'x.png', '--build', 'avx'], /--build cannot be "avx"; it is simd\|simd-threads\|relaxed-threads/],
  [['classify', 'x.png', '--dtype', 'int4'], /--dtype cannot be "int4"; it is f32\|f16\|int8/],
  [['classify', 'x.png', '--json', '--json'], /given twice/],
  [['classify', 'x.png', '--json=1'], /takes no value/],
  [['classify', 'package.json', '--model', 'absent/model/folder'], /absent\/model\/folder/],
  [['forward', 'tests'], /--inputs IN\.safetensors is missing/],
  [['forward', 'tests', '--inputs', 'absent.safetensors', '--outputs', 'x'], /absent\.safetensors: there is no such file/],
  [['forward', '--inputs', 'a', '--outputs', 'b'], /SOURCE is missing/],
  [['forward', 'a', 'b', '--inputs', 'a', '--outputs', 'b'], /"b" is one too many/],
  [['verify'], /CASE… is missing/],
  [['preprocess', 'package.json', '--outputs', 'x'], /--config preprocessor_config\.json is missing/],
  [['preprocess', 'package.json', '--config', 'absent.json', '--outputs', 'x'], /absent\.json: there is no such file/],
  [['preprocess', 'package.json', '--config', 'README.md', '--outputs', 'x'], /README\.md: (it is not JSON|there is no such file)/],
  [['segment', 'absent.png', '--model', 'x'], /absent\.png: there is no such file/],
  [['segment', 'package.json'], /package\.json: /],
  [['segment', 'package.json', '--model', './absent/model'], /\.\/absent\/model: there is no such file or folder|package\.json: /],
  [['segment', 'x.png', 'y.png', '--model', 'x'], /"y\.png" is one too many/],
  [['segment', 'x.png', '--model', 'x', '--format', 'jpeg'], /--format cannot be "jpeg"; it is palette\|grey8\|grey16/],
  [['segment', 'x.png', '--model', 'x', '--taps', 'all'], /--taps cannot be "all"/],
  [['features', 'x.png'], /--outputs OUT\.safetensors is missing/],
  [['features', 'x.png', '--outputs', 'o', '--layer', 'last'], /--layer cannot be "last"; it is pooled\|tokens\|N/],
  [['reconstruct', 'x.png', '--model', 'x', '--ratio', '1.5'], /--ratio cannot be "1\.5"/],
  [['reconstruct', 'x.png', '--model', 'x', '--ratio', 'half'], /--ratio cannot be "half"/],
  [['reconstruct', 'x.png', '--model', 'x', '--seed', '-1'], /--seed cannot be "-1"/],
  [['reconstruct', 'x.png', '--model', 'x', '--seed', '4294967296'], /--seed cannot be/],
  [['reconstruct', 'x.png', '--model', 'x', '--reconstruction', 'o.png'], /--reconstruction needs --tokenizer/],
  [['reconstruct', 'absent.png', '--model', 'x'], /absent\.png: there is no such file/],
  [['reconstruct', 'x.png'], /--model SOURCE is missing/],
  [['tokenize', 'x.png', '--outputs', 'o.png'], /--tokenizer SOURCE is missing/],
  [['tokenize', 'x.png', '--tokenizer', 'x'], /--outputs OUT\.safetensors\|OUT\.png is missing/],
  [
    ['tokenize', 'x.png', '--tokenizer', 'x', '--outputs', 'o.jpg'],
    /--outputs: got o\.jpg, expected a name that ends with \.safetensors or \.png\./,
  ],
  [['tokenize', 'x.safetensors', '--tokenizer', 'x', '--outputs', 'o.safetensors'], /has tokens already/],
  [['tokenize', 'x.safetensors', '--tokenizer', 'x', '--outputs', 'o.png', '--size', '64'], /--size is for images/],
  [['tokenize', 'absent.safetensors', '--tokenizer', 'x', '--outputs', 'o.png'], /absent\.safetensors: there is no such file/],
  [
    ['tokenize', 'x.png', '--tokenizer', 'x', '--outputs', 'o.png', '--size', '100'],
    /--size cannot be "100"; it is .*multiples of 8 from 8 to 4096/,
  ],
  [['tokenize', 'x.png', '--tokenizer', 'x', '--outputs', 'o.png', '--size', '8000x8'], /--size cannot be/],
  [['convert', 'a'], /The argument OUT\.safetensors is missing/],
  [['segment', 'package.json', '--labels', 'no-such-folder/x.png'], /^beit: no-such-folder: there is no such folder\./],
  [['segment', 'package.json', '--overlay', 'tests'], /^beit: --overlay: got tests, a folder, expected the name of a file\./],
  [['segment', 'package.json', '--labels', './package.json'], /--labels: got \.\/package\.json, which is read and would be overwritten/],
  [['segment', 'package.json', '--labels', 'x.png', '--overlay', './x.png'], /--overlay: got \.\/x\.png, which --labels writes/],
  [['preprocess', 'x.png', '--config', 'package.json', '--outputs', 'package.json'], /--outputs: got package\.json, which is read/],
  [['segment', 'package.json', '--labels', 'x.jpg'], /^beit: --labels: got x\.jpg, expected a name that ends with \.png\./],
  [['segment', 'package.json', '--format', 'grey8'], /^beit: The option --format is for --labels LABELS\.png, which is not given\./],
  [['similar', '--in', 'tests', '--duplicates', '0.9', '--count', '3'], /^beit: The option --count is for pictures; --duplicates compares/],
  [['similar', '--in', 'tests', '--duplicates', '0.9', '--model', 'x'], /^beit: The option --model is for pictures/],
  [['features', 'package.json', '--outputs', 'x.NPY'], /--outputs: got x\.NPY, expected a name that ends with \.safetensors/],
  [['teach', 'tests', '--out', 'package.json'], /--out: got package\.json, a file, expected a folder\./],
  [['evaluate', 'package.json'], /^beit: package\.json: it is not a folder\./],
  [['info'], /SOURCE is missing/],
  [['info', './absent'], /\.\/absent: there is no such file or folder/],
];

for (const [words, sentence] of mistakes) {
  test(`beit ${words.join(' ')}`, async () => {
    const { status, stdout, stderr } = await beit(...words);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^beit: [^\n]+\.\n$/, 'one sentence on one line');
    assert.match(stderr, sentence);
  });
}

test('help, of all and of each command', async () => {
  const { status, stdout, stderr } = await beit('--help');
  assert.deepEqual([status, stderr], [0, '']);
  for (const command of ['classify', 'segment', 'features', 'reconstruct', 'tokenize', 'info', 'forward', 'verify', 'preprocess']) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await beit(command, '--help');
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^usage: beit ${command} `));
    assert.equal((await beit('--help', command)).stdout, help.stdout);
    assert.match(help.stdout, /--build simd\|simd-threads\|relaxed-threads/);
  }
});

test("the version is the package's", async () => {
  const { stdout } = await beit('--version');
  assert.equal(stdout.trim(), JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
});

test('after -- a word is a file, whatever it looks like', async (t) => {
  const { status, stderr } = await beit('classify', '--', '--json');
  assert.equal(status, 1);
  assert.match(stderr, /--json: there is no such file/);
});

test('no name, and one that no file can have, are told of as others', async () => {
  assert.match((await beit('classify', '')).stderr, /^beit: "": there is no such file\.\n$/);
  assert.match((await beit('classify', 'x'.repeat(5000))).stderr, /^beit: x+: there is no such file\.\n$/);
});

test('a full disk is told in a sentence', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, () => {
  const command = [process.execPath, join(root, 'dist/cli/main.js'), '--help'];
  const { status, stderr } = spawnSync('sh', ['-c', '"$@" > /dev/full', 'sh', ...command], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /^beit: The output cannot be written \(ENOSPC[^\n]*\)\.\n$/);
});

test('a config that is no object', async (t) => {
  const file = join(temporaryFolder(t), 'list.json');
  writeFileSync(file, '[]');
  const { status, stderr } = await beit('preprocess', 'package.json', '--config', file, '--outputs', 'x');
  assert.equal(status, 2);
  assert.match(stderr, /expected a JSON object/);
});
