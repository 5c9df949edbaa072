/**
 * What one caller can take from all others: hostile requests against the running product, the longest
 * stall of each event loop, and the times of an ordinary caller meanwhile. `--only NAME,...` sends some of
 * the attacks; `--profile` prints what ran during each long stall; `--output FILE` keeps what both
 * processes print.
 */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { repositoryRoot, startStack } from '../../infra/stack.ts';
import { type Address, type Attack, attacks } from './abuse/attacks.ts';
import type { Timed } from './abuse/bystander.ts';
import type { Sent } from './abuse/send.ts';
import { longest, type ProbeLine, peakMemory, readProbe } from './abuse/stalls.ts';
import type { BenchRow } from './main.ts';

const SETTLE_MS = 400;
/** Above this a loop is held too long; what ran is printed when profiling. */
const AIM_MS = 50;

interface Round {
  readonly name: string;
  readonly sent: readonly Sent[];
  readonly span: readonly [number, number];
}

const option = (name: string): string | undefined =>
  process.argv[process.argv.indexOf(name) + 1 || process.argv.length];

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until both processes answer again, so that one attack is not charged for the one before it. */
async function settled({ edge, worker }: Address): Promise<void> {
  await pause(SETTLE_MS);
  for (const address of [`${worker}/v2/health/live`, `${edge}/healthz`]) {
    for (let tries = 0; tries < 60; tries++) {
      const answer = await fetch(address, { signal: AbortSignal.timeout(2000) }).catch(
        () => undefined,
      );
      if (answer?.ok) break;
      await pause(500);
    }
  }
}

async function attackInTurn(all: readonly Attack[], address: Address): Promise<Round[]> {
  const rounds: Round[] = [];
  for (const { name, run } of all) {
    const from = Date.now();
    const sent = await run(address);
    await settled(address);
    rounds.push({ name, sent, span: [from, Date.now()] });
    const milliseconds = Date.now() - from;
    console.error(`${name}: ${sent.length} requests, ${milliseconds} ms`);
  }
  return rounds;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const within = (times: readonly Timed[], [from, to]: Round['span']): Timed[] =>
  times.filter(({ at }) => at >= from && at <= to);

/** One line an attack: statuses, size of the largest answer, stalls with the share on a processor. */
function describeRound(round: Round, lines: readonly ProbeLine[], times: readonly Timed[]): string {
  const statuses = new Map<number, number>();
  for (const { status } of round.sent) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const answered = [...statuses].map(([status, count]) => `${count}x${status}`).join(' ');
  const stall = (process: ProbeLine['process']): string => {
    const line = longest(lines, process, round.span);
    const own = (line?.stall ?? 0) - (line?.waited ?? 0);
    return `${process} ${(line?.stall ?? 0).toFixed(0)} (${own.toFixed(0)} own) ms`;
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

function describeStacks(rounds: readonly Round[], lines: readonly ProbeLine[]): string[] {
  return rounds.flatMap(({ name, span }) =>
    (['edge', 'worker'] as const).flatMap((process) => {
      const line = longest(lines, process, span);
      if (!line?.stack || (line.stall ?? 0) <= AIM_MS) return [];
      return [
        `${name}: ${process} held ${line.stall?.toFixed(0)} ms in`,
        ...line.stack.map((f) => `    ${f}`),
      ];
    }),
  );
}

export async function bench(): Promise<BenchRow[]> {
  const only = option('--only')?.split(',');
  const all = (await attacks()).filter(({ name }) => only?.includes(name) ?? true);
  const picture = await readFile(join(repositoryRoot, 'examples', 'scene-1.png'));
  const dataFolder = await mkdtemp(join(tmpdir(), '4m-abuse-'));
  const probeFile = join(dataFolder, 'stalls.jsonl');
  const output = await open(option('--output') ?? join(dataFolder, 'output.log'), 'w');
  const stack = await startStack({
    port: 0,
    dataFolder,
    output: output.fd,
    env: {
      NODE_OPTIONS: `--import=${join(repositoryRoot, 'dist/test/bench/abuse/loopProbe.js')}`,
      FOURM_BENCH_STALLS: probeFile,
      ...(process.argv.includes('--profile') && { FOURM_BENCH_PROFILE: '1' }),
    },
  });
  const bystander = new Worker(new URL('./abuse/bystander.js', import.meta.url), {
    workerData: { url: stack.url, rgb: `data:image/png;base64,${picture.toString('base64')}` },
  });
  try {
    const address = { edge: stack.url, worker: stack.workerUrl };
    // The first requests compile and fill caches; they are nobody's fault.
    await pause(4000);
    const calm: Round['span'] = [Date.now(), Date.now() + 4000];
    await pause(4000);
    const rounds = await attackInTurn(all, address);
    const span: Round['span'] = [calm[1], Date.now()];
    const times = await new Promise<Timed[]>((resolve) => {
      bystander.once('message', resolve);
      bystander.postMessage('times');
    });
    const lines = await readProbe(probeFile);
    for (const round of rounds) console.log(describeRound(round, lines, times));
    for (const line of describeStacks(rounds, lines)) console.log(line);
    return rows(lines, times, span, calm);
  } finally {
    await bystander.terminate();
    await stack.close();
    await output.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

function rows(
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
  const own = (process: ProbeLine['process']): number =>
    Math.max(
      0,
      ...lines
        .filter((line) => line.process === process && line.at >= span[0])
        .map((line) => (line.stall ?? 0) - (line.waited ?? 0)),
    );
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
