/**
 * How much processor time a container leaves to this process: Linux's control groups, versions 1 and
 * 2. Node's availableParallelism() counts processors, and older ones do not know of quotas.
 */

/** Returns a file's text, or null where there is none that may be read. */
export type ReadText = (path: string) => string | null;

/** Where a hierarchy of groups is mounted, and which of its groups is seen there. */
interface Mount {
  root: string;
  point: string;
}

/**
 * Returns the processors' worth of time that the groups around this process allow (1.5 for one and a
 * half processors), the least of all levels, or null where there is no limit.
 */
export function cpuQuota(read: ReadText): number | null {
  const groups = read('/proc/self/cgroup');
  const mounts = read('/proc/self/mountinfo');
  if (groups === null || mounts === null) return null;
  const quotas: number[] = [];
  for (const line of groups.split('\n')) {
    // hierarchy:controllers:path, where version 2 is 0::path; a path may have colons.
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (hierarchy === undefined || controllers === undefined || path === undefined) continue;
    const second = hierarchy === '0' && controllers === '';
    if (!second && !controllers.split(',').includes('cpu')) continue;
    const mount = findMount(mounts, second);
    if (!mount) continue;
    for (const folder of levels(mount, path)) {
      const quota = second
        ? quotaOfMax(read(`${folder}/cpu.max`))
        : quotaOfPeriods(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
      if (quota !== null) quotas.push(quota);
    }
  }
  return quotas.length > 0 ? Math.min(...quotas) : null;
}

function findMount(mounts: string, second: boolean): Mount | null {
  for (const line of mounts.split('\n')) {
    // id parent device ROOT POINT options [tags …] - TYPE source SUPEROPTIONS
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (root === undefined || point === undefined) continue;
    if (second ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('cpu')) {
      return { root: unescape(root), point: unescape(point) };
    }
  }
  return null;
}

/** Blanks and backslashes stand in mountinfo as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** Returns the folders of a group and of all around it that are mounted, from the inside out. */
function levels({ root, point }: Mount, path: string): string[] {
  const inside = root === '/' ? path : path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : '';
  // A container without a namespace of groups sees its own group at the mount, whatever its path; a
  // path of dots leads out of what is mounted.
  const names = inside.split('/').filter((name) => name !== '');
  if (names.includes('..')) return [point];
  const folders: string[] = [];
  for (let depth = names.length; depth >= 0; --depth) folders.push([point, ...names.slice(0, depth)].join('/'));
  return folders;
}

/** cpu.max: "150000 100000", or "max 100000" for no limit. */
function quotaOfMax(text: string | null): number | null {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return quotient(quota, period);
}

/** cpu.cfs_quota_us is -1 for no limit. */
function quotaOfPeriods(quota: string | null, period: string | null): number | null {
  return quotient(quota?.trim(), period?.trim());
}

function quotient(quota: string | undefined, period: string | undefined): number | null {
  const time = Number(quota || NaN);
  const each = Number(period || NaN);
  return time > 0 && each > 0 ? time / each : null;
}

/** Returns how many threads there is time for: whole, and at least 1. */
export function coresWithin(cores: number, quota: number | null): number {
  return Math.max(1, quota === null ? cores : Math.min(cores, Math.ceil(quota)));
}
