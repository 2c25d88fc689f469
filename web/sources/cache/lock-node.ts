/** A lock that a file is, for processes and threads that share a folder. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

// A thread may be ended without a turn in which to give its lock back, and a process on another machine cannot be asked
// whether it lives: both are told by a lock that nobody has touched for so long.
const SILENT_MS = 30_000;
const BEAT_MS = 5_000;

interface Owner {
  token: string;
  pid: number;
  host: string;
  /** When the process began, as the system counts: a number may be given again. Empty where it does not tell. */
  began: string;
}

/** A held lock. */
export class FileLock {
  private readonly timer: ReturnType<typeof setInterval>;
  /** When it was last seen to be this one's, by both clocks: the one stands while a machine sleeps, the other jumps. */
  private seen = [performance.now(), Date.now()] as const;

  private constructor(
    private readonly path: string,
    private readonly token: string,
  ) {
    this.timer = setInterval(() => this.holds(), BEAT_MS);
    this.timer.unref();
  }

  /** Returns the lock, or null while somebody has it. Throws what the file system throws. */
  static take(path: string): FileLock | null {
    const owner: Owner = { token: randomUUID(), pid: process.pid, host: hostname(), began: beginOf(process.pid) };
    for (let attempt = 0; attempt < 2; ++attempt) {
      try {
        writeFileSync(path, JSON.stringify(owner), { flag: 'wx' });
        return new FileLock(path, owner.token);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      if (!removeStale(path)) return null;
    }
    return null;
  }

  /**
   * Returns whether the lock is still this one's: where the process or the machine slept for long, another may have taken it for
   * stale. Touches it; an answer is good for `within` milliseconds.
   */
  holds(within = 0): boolean {
    const [running, clock] = this.seen;
    const passed = Math.max(performance.now() - running, Math.abs(Date.now() - clock));
    if (passed < within) return true;
    if (ownerOf(this.path)?.token !== this.token) return false;
    const now = new Date();
    try {
      utimesSync(this.path, now, now);
    } catch {
      // It has just been taken away, which the next answer tells.
    }
    this.seen = [performance.now(), now.getTime()];
    return true;
  }

  release(): void {
    clearInterval(this.timer);
    if (ownerOf(this.path)?.token === this.token) rmSync(this.path, { force: true });
  }
}

/** Returns whether somebody has the lock of this file. */
export function isLocked(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined && !isStale(path);
}

/** Takes a lock away whose owner is gone. Returns whether it may be free now. */
function removeStale(path: string): boolean {
  const seen = ownerOf(path);
  if (!isStale(path)) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return true; // another was faster
  }
  // If it was faster and has taken the lock already, it gets its own back.
  if (ownerOf(aside)?.token !== seen?.token) {
    try {
      linkSync(aside, path);
    } catch {
      // A third has it: the second finds out before it commits.
    }
  }
  rmSync(aside, { force: true });
  return true;
}

function isStale(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return true;
  if (Date.now() - stat.mtimeMs > SILENT_MS) return true;
  const owner = ownerOf(path);
  // One that is empty is being written.
  return owner !== null && owner.host === hostname() && !lives(owner);
}

function lives({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be asked, but is there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return began === '' || beginOf(pid) === began;
}

/** Returns the time at which a process began, in Linux' own count; empty elsewhere. */
function beginOf(pid: number): string {
  try {
    // The name may have spaces and brackets in it.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function ownerOf(path: string): Owner | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return null;
  }
}
