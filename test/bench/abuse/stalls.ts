/** What the probe writes of the product's event loops, and what of it belongs to a span of time. */
import { readFile } from 'node:fs/promises';

/** Shorter stalls are not written. */
export const NOTED_MS = 10;

export interface ProbeLine {
  readonly process: 'edge' | 'worker';
  /** Time of the clock at the end of the stall, in milliseconds. */
  readonly at: number;
  /** How long the loop was held, in milliseconds. */
  readonly stall?: number;
  /** How much of it the thread waited for a processor. */
  readonly waited?: number;
  /** Resident memory in MB. */
  readonly memory?: number;
  /** What ran for most of it, innermost first; only when profiling. */
  readonly stack?: readonly string[];
}

export async function readProbe(file: string): Promise<ProbeLine[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  // The last line may be half written.
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

/** How much of a stall the thread did not wait for a processor. */
export const ownOf = ({ stall = 0, waited = 0 }: ProbeLine): number => Math.max(0, stall - waited);

/** The stalls of a process that began before `to` and ended after `from`. */
const within = (
  lines: readonly ProbeLine[],
  process: ProbeLine['process'],
  [from, to]: readonly [number, number],
): ProbeLine[] =>
  lines
    .filter((line) => line.process === process && line.stall !== undefined)
    .filter(({ at, stall = 0 }) => at >= from && at - stall <= to);

/** The longest stall of a span, by all of it or by its own part. */
export const longest = (
  lines: readonly ProbeLine[],
  process: ProbeLine['process'],
  span: readonly [number, number],
  by: (line: ProbeLine) => number = ({ stall = 0 }) => stall,
): ProbeLine | undefined => within(lines, process, span).toSorted((a, b) => by(b) - by(a))[0];

/** Most memory at any time, in MB. */
export const peakMemory = (lines: readonly ProbeLine[], process: ProbeLine['process']): number =>
  Math.max(0, ...lines.filter((l) => l.process === process).map(({ memory = 0 }) => memory));
