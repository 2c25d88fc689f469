// The result as a picture: a bar a subject, grouped by what was asked of them. Each group has a scale of its own.
const WIDTH = 760;
const LEFT = 300;
const ROW = 22;

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Returns an SVG of groups { title, rows: [{ name, ours, median, min, max }] } (milliseconds). */
export function plot(groups, caption) {
  const parts = [];
  let y = 24;
  for (const { title, rows } of groups) {
    const scale = (WIDTH - LEFT - 90) / Math.max(...rows.map(({ max }) => max));
    parts.push(`<text x="0" y="${y + 14}" class="head">${escape(title)}</text>`);
    y += ROW + 4;
    for (const { name, ours, median, min, max } of rows) {
      const middle = y + ROW / 2;
      parts.push(
        `<text x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>`,
        `<rect x="${LEFT}" y="${y + 3}" width="${(median * scale).toFixed(1)}" height="${ROW - 6}" class="${ours ? 'ours' : 'peer'}"/>`,
        `<path d="M${(LEFT + min * scale).toFixed(1)} ${middle}H${(LEFT + max * scale).toFixed(1)}" class="range"/>`,
        `<text x="${(LEFT + max * scale + 8).toFixed(1)}" y="${middle + 4}">${median.toFixed(0)} ms</text>`,
      );
      y += ROW;
    }
    y += 10;
  }
  parts.push(`<text x="0" y="${y + 12}" class="caption">${escape(caption)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 24}" role="img" aria-label="Time of one image, by library">
<style>
text { font: 13px system-ui, sans-serif; fill: #333; }
.head { font-weight: 600; } .caption { font-size: 11px; fill: #777; }
.ours { fill: #2a7de1; } .peer { fill: #b8bec7; } .range { stroke: #333; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) { text { fill: #ddd; } .caption { fill: #999; } .peer { fill: #5c6470; } .range { stroke: #ddd; } }
</style>
${parts.join('\n')}
</svg>
`;
}
