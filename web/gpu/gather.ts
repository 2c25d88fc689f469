/** How products find the rows of their first operand. */

/** What goes before, whether element k of row m is there, and what it is then. */
export interface Gather {
  before: string;
  valid: string;
  operand: string;
}

/** In runs, which lie behind each other. */
export const RUNS: Gather = { before: '', valid: 'm<p.rows', operand: 'A[(m/p.perRun*p.inStride+m%p.perRun+p.inBegin)*p.depth+k]' };

/** `gather` of what is not negative only. */
export const clamped = (gather: Gather): Gather => ({ ...gather, operand: `max(${gather.operand},vec4f())` });
