/** Pictures of three grounds with their true labels, and strokes that lie on them: the same in Node and in a page. */

const GROUNDS = ['rows', 'dots', 'plain'];

/** Numbers from 0 to 1 that are the same every time. */
function numbers(seed) {
  let state = seed * 7919 + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** The grounds meet at a slanting line, and the third is a disc over both. */
export function drawGround(seed, side = 144) {
  const random = numbers(seed);
  for (let i = 0; i < 5; ++i) random();
  const [slant, centre] = [(random() - 0.5) * 0.4, 0.45 + random() * 0.1];
  const [cx, cy, r] = [0.3 + random() * 0.4, 0.3 + random() * 0.4, 0.22];
  const inks = [
    [
      [60, 110, 180],
      [150, 190, 230],
    ],
    [
      [70, 120, 60],
      [160, 180, 90],
    ],
    [
      [200, 140, 90],
      [200, 140, 90],
    ],
  ];
  const data = new Uint8Array(side * side * 3);
  const truth = new Uint8Array(side * side);
  for (let i = 0; i < side * side; ++i) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const [u, v] = [(x + 0.5) / side, (y + 0.5) / side];
    const ground = Math.hypot(u - cx, v - cy) < r ? 2 : u < centre + slant * (v - 0.5) ? 0 : 1;
    truth[i] = ground;
    const lit = ground === 0 ? Math.floor(y / 6) % 2 : x % 12 < 6 && y % 12 < 6 ? 1 : 0;
    for (let c = 0; c < 3; ++c) data[3 * i + c] = inks[ground][lit][c] + random() * 24 - 12;
  }
  return { width: side, height: side, channels: 3, data, truth, grounds: GROUNDS, disc: [cx * side, cy * side] };
}

/** Two short strokes for each ground. */
export function strokesOn({ width, disc: [cx, cy] }) {
  const brush = width / 18;
  const across = (x, y) => [
    [x - width / 24, y],
    [x + width / 24, y + width / 48],
  ];
  const at = [
    [
      [width * 0.09, width * 0.12],
      [width * 0.09, width * 0.88],
    ],
    [
      [width * 0.91, width * 0.12],
      [width * 0.91, width * 0.88],
    ],
    [
      [cx, cy - width * 0.1],
      [cx, cy + width * 0.1],
    ],
  ];
  return GROUNDS.flatMap((label, k) => at[k].map(([x, y]) => ({ label, points: across(x, y), width: brush })));
}
