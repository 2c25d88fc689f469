// Texts as Linux writes them, of Docker, systemd and Kubernetes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { coresWithin, cpuQuota } from '../../dist/platform/cpu-quota.js';
import { nodeHost } from '../../dist/platform/host-node.js';

const V2 = '31 23 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n';
const ROOT = '23 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n';
const v1 = (root, point = '/sys/fs/cgroup/cpu,cpuacct') =>
  ROOT +
  `35 34 0:31 ${root} /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n` +
  `36 34 0:32 ${root} ${point} ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,cpu,cpuacct\n`;
const V1_GROUPS = '12:cpuset:/docker/3f2a\n5:memory:/docker/3f2a\n4:cpu,cpuacct:/docker/3f2a\n0::/docker/3f2a\n';

/** Reads from a table of files. */
const reader = (files) => (path) => files[path] ?? null;

const cases = [
  [
    'v2 in a container: its group is the root',
    1,
    {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': ROOT + V2,
      '/sys/fs/cgroup/cpu.max': '100000 100000\n',
    },
  ],
  [
    'v2, a part of a processor',
    1.5,
    {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': ROOT + V2,
      '/sys/fs/cgroup/cpu.max': '150000 100000\n',
    },
  ],
  [
    'v2 without a limit',
    null,
    {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': ROOT + V2,
      '/sys/fs/cgroup/cpu.max': 'max 100000\n',
    },
  ],
  [
    'v2, nested: the tightest level holds',
    2,
    {
      '/proc/self/cgroup': '0::/user.slice/user-1000.slice/run-r7.scope\n',
      '/proc/self/mountinfo': ROOT + V2,
      '/sys/fs/cgroup/user.slice/cpu.max': '800000 100000\n',
      '/sys/fs/cgroup/user.slice/user-1000.slice/cpu.max': '200000 100000\n',
      '/sys/fs/cgroup/user.slice/user-1000.slice/run-r7.scope/cpu.max': 'max 100000\n',
    },
  ],
  [
    'v2, a path with colons and blanks',
    3,
    {
      '/proc/self/cgroup': '0::/a:b c\n',
      '/proc/self/mountinfo': ROOT + V2.replace('/sys/fs/cgroup', '/my\\040groups'),
      '/my groups/a:b c/cpu.max': '75000 25000\n',
    },
  ],
  [
    'v2, a path that leads out of the mount',
    4,
    {
      '/proc/self/cgroup': '0::/../../other\n',
      '/proc/self/mountinfo': ROOT + V2,
      '/sys/fs/cgroup/cpu.max': '400000 100000\n',
    },
  ],
  [
    'v1 in a container: the mount is its group',
    0.5,
    {
      '/proc/self/cgroup': V1_GROUPS,
      '/proc/self/mountinfo': v1('/docker/3f2a'),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    },
  ],
  [
    'v1 on the host: the path leads to the group',
    2,
    {
      '/proc/self/cgroup': V1_GROUPS,
      '/proc/self/mountinfo': v1('/'),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/docker/3f2a/cpu.cfs_quota_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/docker/3f2a/cpu.cfs_period_us': '50000\n',
    },
  ],
  [
    'v1 of another root than the path: the mount is all there is',
    1,
    {
      '/proc/self/cgroup': V1_GROUPS,
      '/proc/self/mountinfo': v1('/docker/3f2', '/cg/cpu'),
      '/cg/cpu/cpu.cfs_quota_us': '100000\n',
      '/cg/cpu/cpu.cfs_period_us': '100000\n',
    },
  ],
  [
    'v1 without a limit',
    null,
    {
      '/proc/self/cgroup': V1_GROUPS,
      '/proc/self/mountinfo': v1('/docker/3f2a'),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    },
  ],
  ['no control groups', null, { '/proc/self/cgroup': '', '/proc/self/mountinfo': ROOT }],
  ['nothing that may be read', null, {}],
  [
    'texts that are none',
    null,
    {
      '/proc/self/cgroup': '0::/\nx\n::\n',
      '/proc/self/mountinfo': `${ROOT}\n - cgroup2\n${V2}`,
      '/sys/fs/cgroup/cpu.max': 'soon 0\n',
    },
  ],
];

for (const [name, quota, files] of cases) {
  test(`reads a quota: ${name}`, () => assert.equal(cpuQuota(reader(files)), quota));
}

test('a quota is rounded up, and leaves one thread at least', () => {
  assert.deepEqual(
    [coresWithin(64, 1), coresWithin(64, 1.5), coresWithin(2, 7.2), coresWithin(8, null), coresWithin(8, 0.1)],
    [1, 2, 2, 8, 1],
  );
});

test('this Node has a whole number of cores', () => {
  const { cores } = nodeHost();
  assert.ok(Number.isInteger(cores) && cores >= 1);
});
