// What a person sees of a long command: one line a step, with its time. The whole output of the
// programs that are run goes to build/logs, and its end is shown when one fails.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { root } from './places.mjs';

const started = performance.now();

/** Returns "4.2 s" or "3 min 05 s". */
export function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Returns the time since the command began. */
export function elapsed() {
  return duration(performance.now() - started);
}

/** Prints a line. */
export function say(text) {
  process.stdout.write(`${text}\n`);
}

/** How long what a program with a limit has started may outlive it. */
const GRACE_MS = 10_000;

/** How long a step may be silent where there is no terminal: a log should not look as if it had stopped. */
const SILENCE_MS = 20_000;

/**
 * Runs `work` and prints `title` with the time that it took and what it returns, if a string. `work` is given a
 * function that takes a few words on how far it is: shown at once on a terminal, else every 20 seconds.
 */
export async function step(title, work) {
  const begin = performance.now();
  const waiting = process.stdout.isTTY;
  let last = begin;
  const progress = (text) => {
    if (waiting) process.stdout.write(`\r\x1b[K  ${title} … ${text}`);
    else if (performance.now() - last >= SILENCE_MS) {
      last = performance.now();
      say(`    ${title}: ${text} after ${duration(last - begin)}`);
    }
  };
  if (waiting) process.stdout.write(`  ${title} …`);
  try {
    const detail = await work(progress);
    const text = typeof detail === 'string' ? `: ${detail}` : '';
    if (waiting) process.stdout.write('\r\x1b[K');
    say(`  ${title}${text} (${duration(performance.now() - begin)})`);
    return detail;
  } catch (error) {
    if (waiting) process.stdout.write('\r\x1b[K');
    say(`  ${title}: failed after ${duration(performance.now() - begin)}`);
    throw error;
  }
}

/** A failure whose message is all that a person needs: printed without a stack. */
export class Failure extends Error {}

/**
 * Runs a program to its end. Options: cwd, env (added to the process's), log (a name: the output goes
 * to build/logs/NAME.log and not to the screen), allowFailure, onOutput (is given each piece of text as it
 * comes), minutes (after which it is ended, with all that it has started, and has failed), background (it has what others leave
 * of the processors). Returns { status, output };
 * throws a Failure with the end of the output when the status is not 0.
 */
export function run(program, args, { cwd = root, env = {}, log, allowFailure = false, onOutput, minutes, background = false } = {}) {
  const file = log && logFile(log);
  const sink = file && createWriteStream(file);
  sink?.write(`$ ${program} ${args.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'pipe', 'pipe'];
    const detached = minutes !== undefined || background;
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio, detached });
    const parts = [];
    const take = (data) => {
      parts.push(data);
      sink?.write(data);
      onOutput?.(data.toString());
    };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', take);
    if (detached) endIn(minutes, child, take);
    if (background && child.pid) giveWay(child.pid);
    child.on('error', (error) => reject(new Failure(`${program} cannot be run: ${error.message}`)));
    child.on('close', (status, signal) => {
      sink?.end();
      const output = Buffer.concat(parts).toString();
      if (status === 0 || allowFailure) return resolve({ status: status ?? 1, output });
      const end = output.trimEnd().split('\n').slice(-40).join('\n');
      const where = file ? `\nThe whole output is in ${file}` : '';
      reject(new Failure(`${program} ${args.join(' ')} ended with ${signal ?? `status ${status}`}:\n${end}${where}`));
    });
  });
}

/** Lets others have the processors before a process that leads a session, and before what it starts. */
function giveWay(pid) {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_LOW)); // where Linux counts sessions, and not processes
  } catch {} // it has ended, or the system has no such thing: its turn comes with the others'
}

/** Ends a child that leads a process group with that group, when its time is over, if that has an end, or this process is ended. */
function endIn(minutes, child, tell) {
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  const overdue = () => {
    tell(Buffer.from(`\nIt was ended, since it ran for ${minutes} minutes.\n`));
    end();
  };
  const timer = minutes && setTimeout(overdue, minutes * 60_000);
  const interrupted = (signal) => {
    end();
    process.exit(128 + constants.signals[signal]);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.once(signal, interrupted);
  let grace;
  // What it has left behind holds its output open, and would be waited for.
  child.on('exit', () => {
    grace = setTimeout(end, GRACE_MS);
  });
  const ended = () => {
    clearTimeout(timer);
    clearTimeout(grace);
    for (const signal of signals) process.off(signal, interrupted);
  };
  child.on('close', ended).on('error', ended);
}

function logFile(name) {
  const folder = join(root, 'build', 'logs');
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.log`);
}

/** Returns the output of a program, or null when it is not there or fails. */
export async function probe(program, args, options = {}) {
  try {
    return (await run(program, args, options)).output;
  } catch {
    return null;
  }
}

/** Returns the text of a file, or null. */
export function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Runs a command's main function; a Failure ends it with its message and status 1. */
export async function main(work) {
  try {
    process.exitCode = (await work(process.argv.slice(2))) ?? 0;
  } catch (error) {
    const ours = error instanceof Failure || error.code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`\n${ours ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
