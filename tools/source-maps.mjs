// Source maps as the package has them: a third of what a bundler writes, by leaving out what no stack trace shows.

/** Those that esbuild leaves: of the members of classes. */
const COMMENT = /^ *\/\*\*.*?\*\//gms;

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Returns the segments of each line: [column, source, line, column there], all counted from 0. */
export function decodeMappings(mappings) {
  let source = 0;
  let line = 0;
  let there = 0;
  return mappings.split(';').map((text) => {
    let column = 0;
    const segments = [];
    for (const segment of text ? text.split(',') : []) {
      const [columns, sources = null, lines, columnsThere] = numbersOf(segment);
      column += columns;
      if (sources === null) continue;
      source += sources;
      line += lines;
      there += columnsThere;
      segments.push([column, source, line, there]);
    }
    return segments;
  });
}

/** The reverse of decodeMappings(). */
export function encodeMappings(lines) {
  let before = [0, 0, 0, 0];
  return lines
    .map((segments) => {
      before = [0, ...before.slice(1)];
      return segments
        .map((segment) => {
          const text = segment.map((value, i) => digitsOf(value - before[i])).join('');
          before = segment;
          return text;
        })
        .join(',');
    })
    .join(';');
}

function numbersOf(segment) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

function digitsOf(number) {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1;
  let text = '';
  do {
    const bits = rest & 31;
    rest >>= 5;
    text += DIGITS[rest > 0 ? bits | 32 : bits];
  } while (rest > 0);
  return text;
}

/**
 * Returns the map with one segment for each line of a source in a row, at its beginning, which is what a stack trace or a
 * breakpoint asks for; sources are indented by single spaces, and have empty lines in place of comments.
 */
export function byLines({ sources, sourcesContent, mappings }) {
  const lines = decodeMappings(mappings).map((segments) =>
    segments
      .filter(([, source, line], i) => i === 0 || source !== segments[i - 1][1] || line !== segments[i - 1][2])
      .map(([column, source, line]) => [column, source, line, 0]),
  );
  const contents = sourcesContent.map((text) =>
    text.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, '')).replace(/^(?: {2})+/gm, (spaces) => ' '.repeat(spaces.length / 2)),
  );
  return { version: 3, sources, sourcesContent: contents, names: [], mappings: encodeMappings(lines) };
}

/**
 * Returns { text, map } with `inserted` behind each match of `pattern` in `text`, and the map's columns moved along.
 */
export function insertBehind(text, map, pattern, inserted) {
  const lines = decodeMappings(map.mappings);
  const texts = text.split('\n').map((line, i) => {
    const ends = [...line.matchAll(pattern)].map(({ index, 0: match }) => index + match.length);
    for (const segment of lines[i] ?? []) segment[0] += inserted.length * ends.filter((end) => end <= segment[0]).length;
    return line.replaceAll(pattern, (match) => match + inserted);
  });
  return { text: texts.join('\n'), map: { ...map, mappings: encodeMappings(lines) } };
}
