#!/usr/bin/env node
/** beit: the command line. */
import { readFileSync } from 'node:fs';
import '../node.js';
import { sentenceOf } from '../base/errors.js';
import { helpOf, parseArguments, usageError, type CommandSpec } from './arguments.js';
import { batch } from './batch.js';
import { classify } from './classify.js';
import { complain, sentenceFor } from './complaints.js';
import { convert } from './convert.js';
import { evaluate } from './evaluate.js';
import { features } from './features.js';
import { checkWritten } from './files.js';
import { forward } from './forward.js';
import { info } from './info.js';
import { preprocess } from './preprocess.js';
import { queue } from './queue.js';
import { reconstruct } from './reconstruct.js';
import { allowRelaxedSimd } from './relaxed.js';
import { segment } from './segment.js';
import { similar } from './similar.js';
import { teach } from './teach.js';
import { tokenize } from './tokenize.js';
import { train } from './train.js';
import { verify } from './verify.js';
import { worker } from './worker.js';

const COMMANDS: readonly CommandSpec[] = [
  classify,
  segment,
  features,
  batch,
  worker,
  queue,
  similar,
  teach,
  train,
  evaluate,
  reconstruct,
  tokenize,
  info,
  convert,
  forward,
  verify,
  preprocess,
];
const USAGE_STATUS = 2;
// What a shell shows for a program that SIGPIPE ended; Node ignores that signal.
const PIPE_STATUS = 141;

async function main(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words;
  if (first === '--help' || first === '-h' || first === 'help') {
    const about = COMMANDS.find(({ name }) => name === rest[0]);
    console.log(about ? helpOf(about) : overview());
    return 0;
  }
  if (first === '--version') {
    console.log(version());
    return 0;
  }
  if (first === undefined) throw usageError('A command is missing; see beit --help.');
  const command = COMMANDS.find(({ name }) => name === first);
  if (!command) throw usageError(`${JSON.stringify(first)} is no command of beit; see beit --help.`);
  const end = rest.indexOf('--');
  if (rest.slice(0, end < 0 ? rest.length : end).some((word) => word === '--help' || word === '-h')) {
    console.log(helpOf(command));
    return 0;
  }
  const parsed = parseArguments(command, rest);
  checkWritten(command, parsed);
  if (parsed.value('build') === 'relaxed-threads') allowRelaxedSimd();
  return command.run(parsed);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  return [
    'usage: beit COMMAND …',
    '',
    'BEiT in WebAssembly.',
    '',
    'commands:',
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'beit COMMAND --help tells more; beit --version prints the version.',
    '',
    'environment:',
    '  HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HF_HOME   as for the tools of the hub',
    '  BEIT_CACHE                                       the folder that keeps downloads (empty: none is kept)',
    '',
  ].join('\n');
}

function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

// Whoever reads may have enough, such as head, and a disk may be full: no reason for a stack trace.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(PIPE_STATUS);
    if (stream === process.stdout) complain(`The output cannot be written (${sentenceOf(error)}).`);
    process.exit(USAGE_STATUS);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  complain(sentenceFor(error));
  process.exitCode = USAGE_STATUS;
}
