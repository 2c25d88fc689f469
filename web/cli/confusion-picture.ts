/** A matrix of answers as a picture. */

const CELL = 30;
const LETTER = 7;
const MARGIN = 12;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/**
 * Returns an SVG file: a row for each label that is true, a column for each that is answered, darker for a larger share of the row. What was never
 * answered takes no room in it: of 1,000 labels that would be a million cells.
 */
export function confusionPicture(rows: readonly string[], columns: readonly string[], confusion: readonly (readonly number[])[]): string {
  const room = (names: readonly string[]): number => MARGIN + LETTER * Math.max(...names.map((name) => Math.min(name.length, 40)));
  const [left, top] = [room(rows), room(columns)];
  const [width, height] = [left + columns.length * CELL + MARGIN, top + rows.length * CELL + MARGIN];
  const name = (text: string): string => escaped(text.length > 40 ? `${text.slice(0, 39)}…` : text);
  const cells = confusion.flatMap((row, i) => {
    const total = Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    );
    return row.flatMap((count, k) => {
      if (count === 0) return [];
      const [x, y, share] = [left + k * CELL, top + i * CELL, count / total];
      const fill = rows[i] === columns[k] ? '#2a6fb0' : '#c0392b';
      const number = `<text x="${x + CELL / 2}" y="${y + CELL / 2 + 4}" text-anchor="middle" fill="${share > 0.5 ? '#fff' : '#222'}">${count}</text>`;
      return [
        `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${fill}" fill-opacity="${share.toFixed(3)}">` +
          `<title>${escaped(rows[i]!)} as ${escaped(columns[k]!)}: ${count}</title></rect>${number}`,
      ];
    });
  });
  const across = Array.from({ length: rows.length + 1 }, (_, i) => `M${left} ${top + i * CELL}h${columns.length * CELL}`);
  const down = Array.from({ length: columns.length + 1 }, (_, k) => `M${left + k * CELL} ${top}v${rows.length * CELL}`);
  const lines = [...across, ...down].join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<title>How often each label (row) was told as each (column)</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...rows.map(
      (label, i) => `<text x="${left - 6}" y="${top + i * CELL + CELL / 2 + 4}" text-anchor="end" fill="#222">${name(label)}</text>`,
    ),
    ...columns.map((label, k) => {
      const [x, y] = [left + k * CELL + CELL / 2 + 4, top - 6];
      return `<text transform="translate(${x} ${y}) rotate(-90)" fill="#222">${name(label)}</text>`;
    }),
    ...cells,
    `<path d="${lines}" fill="none" stroke="#ccc"/>`,
    '</svg>',
    '',
  ].join('\n');
}
