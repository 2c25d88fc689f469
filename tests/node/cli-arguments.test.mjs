// What the command line says to a user who mistypes: one sentence on stderr, exit status 2.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { beit, root, temporaryFolder } from './support.mjs';

const mistakes = [
  [[], /command is missing/],
  [['clasify'], /"clasify" is no command/],
  [['classify'], /IMAGE… is missing/],
  [['classify', '--colour', 'x.png'], /option --colour is unknown to beit classify/],
  [['classify', '-k', 'x.png'], /option -k is unknown/],
  [['classify', 'absent.png'], /absent\.png: there is no such file/],
  [['classify', 'src'], /src: it is not a file/],
  [['classify', 'x.png', '--top-k'], /--top-k needs a value/],
  [['classify', 'x.png', '--top-k', '0'], /--top-k cannot be "0"/],
  [['classify', 'x.png', '--top-k=-3'], /--top-k cannot be "-3"/],
  [['classify', 'x.png', '--threads', 'many'], /--threads cannot be "many"/],
  [['classify', 'x.png', '--threads', '65'], /--threads cannot be "65"/],
  [['classify', 'x.png', '--build', 'avx'], /--build cannot be "avx"; it is simd\|simd-threads\|relaxed-threads/],
  [['classify', 'x.png', '--dtype', 'int8'], /--dtype cannot be "int8"/],
  [['classify', 'x.png', '--json', '--json'], /given twice/],
  [['classify', 'x.png', '--json=1'], /takes no value/],
  [['classify', 'package.json', '--model', 'absent/model/folder'], /absent\/model\/folder/],
  [['forward', 'tests'], /--inputs IN\.safetensors is missing/],
  [['forward', 'tests', '--inputs', 'absent.safetensors', '--outputs', 'x'], /absent\.safetensors: there is no such file/],
  [['forward', '--inputs', 'a', '--outputs', 'b'], /SOURCE is missing/],
  [['forward', 'a', 'b', '--inputs', 'a', '--outputs', 'b'], /"b" is one too many/],
  [['verify'], /CASE… is missing/],
  [['verify', 'absent'], /absent: there is no such folder/],
  [['verify', 'package.json'], /package\.json: it is not a folder/],
  [['verify', 'src'], /expected\.safetensors.*no case/],
  [['preprocess', 'package.json', '--outputs', 'x'], /--config preprocessor_config\.json is missing/],
  [['preprocess', 'package.json', '--config', 'absent.json', '--outputs', 'x'], /absent\.json: there is no such file/],
  [['preprocess', 'package.json', '--config', 'README.md', '--outputs', 'x'], /README\.md: (it is not JSON|there is no such file)/],
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
  for (const command of ['classify', 'forward', 'verify', 'preprocess', 'info']) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await beit(command, '--help');
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^usage: beit ${command} `));
    assert.match(help.stdout, /--build simd\|simd-threads\|relaxed-threads/);
  }
});

test('the version is the package\'s', async () => {
  const { stdout } = await beit('--version');
  assert.equal(stdout.trim(), JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
});

test('after -- a word is a file, whatever it looks like', async (t) => {
  const { status, stderr } = await beit('classify', '--', '--json');
  assert.equal(status, 2);
  assert.match(stderr, /--json: there is no such file/);
});

test('a config that is no object', async (t) => {
  const file = join(temporaryFolder(t), 'list.json');
  writeFileSync(file, '[]');
  const { status, stderr } = await beit('preprocess', 'package.json', '--config', file, '--outputs', 'x');
  assert.equal(status, 2);
  assert.match(stderr, /expected a JSON object/);
});
