/** What was measured, in lines for a reader and in rows for comparison. */
import type { BenchRow } from '../main.ts';
import type { Timed } from './bystander.ts';
import type { Sent } from './send.ts';
import { longest, ownOf, type ProbeLine, peakMemory } from './stalls.ts';

/** One attack that was sent. */
export interface Round {
  readonly name: string;
  readonly sent: readonly Sent[];
  /** Times of the clock. */
  readonly span: readonly [number, number];
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const within = (times: readonly Timed[], [from, to]: Round['span']): Timed[] =>
  times.filter(({ at }) => at >= from && at <= to);

/** One line an attack: statuses, size of the largest answer, the longest stalls in all and by their own part. */
export function describeRound(
  round: Round,
  lines: readonly ProbeLine[],
  times: readonly Timed[],
): string {
  const statuses = new Map<number, number>();
  for (const { status } of round.sent) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const answered = [...statuses].map(([status, count]) => `${count}x${status}`).join(' ');
  const stall = (process: ProbeLine['process']): string => {
    const { stall = 0 } = longest(lines, process, round.span) ?? {};
    const busiest = longest(lines, process, round.span, ownOf);
    return `${process} ${stall.toFixed(0)} (${(busiest ? ownOf(busiest) : 0).toFixed(0)} own) ms`;
  };
  const bystander = within(times, round.span).map(({ milliseconds }) => milliseconds);
  const seconds = Math.max(0, ...round.sent.map(({ milliseconds }) => milliseconds)) / 1000;
  const kilobytes = Math.max(0, ...round.sent.map(({ answerBytes }) => answerBytes)) / 1000;
  return [
    round.name.padEnd(20),
    answered.padEnd(14),
    `${seconds.toFixed(1)} s`.padStart(7),
    `${kilobytes.toFixed(0)} kB`.padStart(8),
    stall('edge').padStart(26),
    stall('worker').padStart(28),
    `bystander at most ${Math.max(0, ...bystander).toFixed(0)} ms`,
  ].join('  ');
}

export function describeStacks({ name, span }: Round, lines: readonly ProbeLine[]): string[] {
  return (['edge', 'worker'] as const).flatMap((process) => {
    const line = longest(lines, process, span, ownOf);
    if (!line?.stack) return [];
    const frames = line.stack.map((frame) => `    ${frame}`);
    return [`${name}: ${process} held ${ownOf(line).toFixed(0)} ms in`, ...frames];
  });
}

export function rows(
  lines: readonly ProbeLine[],
  times: readonly Timed[],
  span: Round['span'],
  calm: Round['span'],
): BenchRow[] {
  const row = (name: string, value: number, unit: string, what: string): BenchRow => ({
    name,
    value,
    unit,
    what,
  });
  const stall = (process: ProbeLine['process']) => longest(lines, process, span)?.stall ?? 0;
  const own = (process: ProbeLine['process']): number => {
    const line = longest(lines, process, span, ownOf);
    return line ? ownOf(line) : 0;
  };
  const during = within(times, span);
  const p99 = (some: readonly Timed[]): number =>
    percentile(
      some.map((t) => t.milliseconds),
      0.99,
    );
  const kinds = ['stored', 'listed', 'tokenized', 'generated'] as const;
  const answered = during.filter(({ status }) => status === 200).length;
  return [
    row('edge_stall_ms', stall('edge'), 'ms', 'longest stall of the edge'),
    row('worker_stall_ms', stall('worker'), 'ms', 'longest stall of the worker'),
    row('edge_own_stall_ms', own('edge'), 'ms', 'the same without waiting for a processor'),
    row('worker_own_stall_ms', own('worker'), 'ms', 'the same without waiting for a processor'),
    row('bystander_p99_ms', p99(during), 'ms', 'an ordinary caller meanwhile'),
    row('bystander_calm_p99_ms', p99(within(times, calm)), 'ms', 'the same before the attacks'),
    ...kinds.map((kind) =>
      row(`${kind}_p99_ms`, p99(during.filter((t) => t.kind === kind)), 'ms', `of it, ${kind}`),
    ),
    row(
      'bystander_answered',
      answered / during.length,
      '',
      'share of its requests with status 200',
    ),
    row('edge_memory_mb', peakMemory(lines, 'edge'), 'MB', 'most memory of the edge'),
    row('worker_memory_mb', peakMemory(lines, 'worker'), 'MB', 'most memory of the worker'),
  ];
}
