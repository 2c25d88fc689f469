import { shapeText } from '../base/tensors.js';
import type { Inspection } from '../engine/engine.js';
import type { CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { CLASS_OPTIONS, modelSpec, WEIGHTS_OPTIONS } from './model-options.js';

export const info: CommandSpec = {
  name: 'info',
  summary: 'tells what a checkpoint holds and how it fits its model',
  operands: { name: 'SOURCE', least: 1, most: 1 },
  options: [...CLASS_OPTIONS, ...WEIGHTS_OPTIONS, { name: 'json', help: 'print JSON' }, ...ENGINE_OPTIONS],
  async run(parsed) {
    const { source, watch } = await openSource(parsed.operands[0]!);
    return withEngine(parsed, async (engine) => {
      const found = await engine.inspect(source, modelSpec(parsed), watch);
      console.log(parsed.flag('json') ? JSON.stringify(found, null, 2) : textOf(found).join('\n'));
      return 0;
    });
  },
};

function textOf({ className, dtype, config, report, estimate, tensors }: Inspection): string[] {
  const named = (title: string, names: readonly string[]): string[] => [
    `${title}: ${names.length === 0 ? 'none' : names.length}`,
    ...names.map((name) => `  ${name}`),
  ];
  const width = Math.max(0, ...tensors.map(({ name }) => name.length));
  return [
    `class: ${className}`,
    `computes with: ${dtype}`,
    `container: ${report.container}, names of ${report.dialect}`,
    ...(report.averaged ? [`weights: the averaged ones, ${report.averaged}; the plain ones beside them are not read`] : []),
    'config:',
    ...Object.entries(config).map(([name, value]) => `  ${name}: ${short(value)}`),
    `tensors: ${tensors.length} (${typesOf(tensors)})`,
    ...tensors.map(({ name, dtype, shape, bytes }) => `  ${name.padEnd(width)}  ${dtype.padEnd(4)}  ${shapeText(shape)}  ${bytes}`),
    ...named('missing', report.missing),
    ...named('not fitting', report.wrong),
    ...named('unexpected', report.unexpected),
    ...named('known and not read', report.skipped),
    `bytes to read: ${report.fillBytes} (${megabytes(report.fillBytes)})`,
    `memory: ${megabytes(estimate.weights)} weights, ${megabytes(estimate.activations)} for one run, ` +
      `${megabytes(estimate.staging)} more while loading`,
  ];
}

/** Returns how many tensors there are of each element type, such as "F32 12, I8 72". */
function typesOf(tensors: Inspection['tensors']): string {
  const counts = new Map<string, number>();
  for (const { dtype } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  return [...counts]
    .sort()
    .map(([dtype, count]) => `${dtype} ${count}`)
    .join(', ');
}

// 21,841 labels are not for a terminal.
const MOST_ITEMS = 8;

function short(value: unknown): string {
  if (Array.isArray(value) && value.length > MOST_ITEMS) {
    return `[${value
      .slice(0, MOST_ITEMS)
      .map((item) => JSON.stringify(item))
      .join(', ')}, … ${value.length} in all]`;
  }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length <= MOST_ITEMS) return JSON.stringify(value);
  const shown = entries.slice(0, MOST_ITEMS).map(([key, item]) => `${JSON.stringify(key)}: ${JSON.stringify(item)}`);
  return `{${shown.join(', ')}, … ${entries.length} in all}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
