/** The command line's own strict parser, and the help that follows from the same table. */
import { BeitError } from '../base/errors.js';

/** Returns what a text says, or null for one that is not allowed. */
export interface Parser<T = unknown> {
  (text: string): T | null;
  /** What is allowed, for the sentence, where the help's word for it does not say so. */
  readonly expected?: string;
}

export interface OptionSpec {
  /** Without the dashes. */
  name: string;
  /** What the help calls its value; an option without one is a flag. */
  value?: string;
  help: string;
  required?: boolean;
  /** Default: the text itself. */
  parse?: Parser;
  /** What is written to the path that is its value. */
  writes?: 'file' | 'folder';
}

export interface CommandSpec {
  name: string;
  /** Half a line. */
  summary: string;
  /** What stands after the command, such as "IMAGE…"; as many as `least` to `most`. */
  operands: { name: string; least: number; most: number };
  options: readonly OptionSpec[];
  /** Further lines of help. */
  details?: readonly string[];
  /** Returns the exit status. */
  run(parsed: Parsed): Promise<number>;
}

export interface Parsed {
  operands: string[];
  flag(name: string): boolean;
  /** Returns the parsed value, or undefined where the option was not given. */
  value<T>(name: string): T | undefined;
}

/** A command line that cannot be followed: one sentence, exit status 2. */
export function usageError(sentence: string): BeitError {
  return new BeitError('invalid-argument', sentence);
}

/** Returns what the words after the command mean. Throws a usage error. */
export function parseArguments(command: CommandSpec, words: readonly string[]): Parsed {
  const values = new Map<string, unknown>();
  const operands: string[] = [];
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      operands.push(...queue.splice(0));
    } else if (word.startsWith('-') && word !== '-') {
      parseOption(command, word, queue, values);
    } else {
      operands.push(word);
    }
  }
  for (const { name, value, required } of command.options) {
    if (required && !values.has(name)) throw usageError(`The option --${name} ${value ?? ''} is missing; see beit ${command.name} --help.`);
  }
  const { name, least, most } = command.operands;
  if (operands.length < least) {
    const missing = name.split(' ')[operands.length] ?? name;
    throw usageError(`The argument ${missing} is missing; see beit ${command.name} --help.`);
  }
  if (operands.length > most) {
    throw usageError(`The argument ${JSON.stringify(operands[most])} is one too many; see beit ${command.name} --help.`);
  }
  return {
    operands,
    flag: (option) => values.get(option) === true,
    value: <T>(option: string) => values.get(option) as T | undefined,
  };
}

function parseOption(command: CommandSpec, word: string, queue: string[], values: Map<string, unknown>): void {
  const [, name = '', attached] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const spec = word.startsWith('--') ? command.options.find((option) => option.name === name) : undefined;
  if (!spec) throw usageError(`The option ${word.split('=')[0]} is unknown to beit ${command.name}; see beit ${command.name} --help.`);
  if (values.has(name)) throw usageError(`The option --${name} is given twice.`);
  if (spec.value === undefined) {
    if (attached !== undefined) throw usageError(`The option --${name} takes no value.`);
    values.set(name, true);
    return;
  }
  const text = attached ?? queue.shift();
  if (text === undefined) throw usageError(`The option --${name} needs a value (${spec.value}).`);
  const value = spec.parse ? spec.parse(text) : text;
  if (value === null) {
    const expected = spec.parse?.expected ?? spec.value;
    throw usageError(`The option --${name} cannot be ${JSON.stringify(text)}; it is ${expected}.`);
  }
  values.set(name, value);
}

/** Returns a parser that says what it takes. */
export function parser<T>(expected: string, parse: (text: string) => T | null): Parser<T> {
  return Object.assign(parse, { expected });
}

/** Returns a parser of whole numbers of at least 1. */
export function wholeNumber(most: number): Parser<number> {
  return parser(`a whole number from 1 to ${most}`, (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    return value >= 1 && value <= most ? value : null;
  });
}

/** Returns a parser of numbers of a range. */
export function numberFrom(least: number, most: number): Parser<number> {
  return parser(`a number from ${least} to ${most}`, (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    return value >= least && value <= most ? value : null;
  });
}

/** Returns a parser that takes exactly these words. */
export function oneOf(words: readonly string[]): (text: string) => string | null {
  return (text) => (words.includes(text) ? text : null);
}

/** Returns the help of a command. */
export function helpOf(command: CommandSpec): string {
  const left = command.options.map(({ name, value }) => `  --${name}${value === undefined ? '' : ` ${value}`}`);
  left.push('  --help');
  const width = Math.max(...left.map((text) => text.length)) + 2;
  const right = [...command.options.map(({ help, required }) => (required ? `${help} (required)` : help)), 'this text'];
  const lines = left.map((text, i) =>
    text.length > 34 ? `${text}\n${' '.repeat(36)}${right[i]}` : text.padEnd(Math.min(width, 36)) + right[i],
  );
  return [
    ['usage: beit', command.name, command.operands.name, '[options]'].filter((word) => word !== '').join(' '),
    '',
    `${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`,
    ...(command.details ? ['', ...command.details] : []),
    '',
    'options:',
    ...lines,
    '',
  ].join('\n');
}
