/**
 * What one caller can take from all others: hostile requests against the running product, the longest
 * stall of each event loop, and the times of an ordinary caller meanwhile. `--only NAME,...` sends some of
 * the attacks; `--profile` prints what ran during each long stall; `--output FILE` keeps what both
 * processes print.
 *
 * A stall is how late a timer of the loop was, whatever held it. Attacker, edge, worker and the ordinary caller
 * share this machine's processors, so that a stall also holds the time in which others computed. The attacker
 * therefore has a process of its own, with a small share where processors are short. The own part of a stall
 * leaves out the time in which the thread was ready to run and had no processor, as Linux tells it.
 */
import { appendFile, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { repositoryRoot, type Stack, startStack } from '../../infra/stack.ts';
import { startAttacker } from './abuse/attackerProcess.ts';
import type { Timed } from './abuse/bystander.ts';
import { describeRound, describeStacks, type Round, rows } from './abuse/report.ts';
import { type ProbeLine, readProbe } from './abuse/stalls.ts';
import type { BenchRow } from './main.ts';

const SETTLE_MS = 400;
/** The first requests compile and fill caches; they are nobody's fault. */
const WARM_UP_MS = 4000;
const CALM_MS = 4000;
/** A process that is silent for longer after an attack is killed, so that the others can be sent as well. */
const SILENT_MS = 40_000;

const option = (name: string): string | undefined =>
  process.argv[process.argv.indexOf(name) + 1 || process.argv.length];

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const answers = (address: string): Promise<boolean> =>
  fetch(address, { signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  );

async function untilIt(answersNow: () => Promise<boolean>, milliseconds: number): Promise<boolean> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await pause(200)) {
    if (await answersNow()) return true;
  }
  return false;
}

/** Waits until both processes answer again, so that one attack is not charged for the one before it. */
async function settle(stack: Stack, probeFile: string): Promise<void> {
  await pause(SETTLE_MS);
  const addresses = { worker: `${stack.workerUrl}/v2/health/live`, edge: `${stack.url}/healthz` };
  for (const name of ['worker', 'edge'] as const) {
    const begin = Date.now();
    if (await untilIt(() => answers(addresses[name]), SILENT_MS)) continue;
    const stall = Date.now() - begin;
    const line: ProbeLine = {
      process: name,
      at: Date.now(),
      stall,
      stack: ['still silent: killed'],
    };
    await appendFile(probeFile, `${JSON.stringify(line)}\n`);
    const pid = stack.pids()[name];
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await untilIt(() => answers(addresses[name]), SILENT_MS);
  }
}

export async function bench(): Promise<BenchRow[]> {
  const only = option('--only')?.split(',');
  const attacker = await startAttacker();
  const names = attacker.names.filter((name) => only?.includes(name) ?? true);
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
  const timesSoFar = (): Promise<Timed[]> =>
    new Promise((resolve) => {
      bystander.once('message', resolve);
      bystander.postMessage('times');
    });
  try {
    await pause(WARM_UP_MS);
    const calm: Round['span'] = [Date.now(), Date.now() + CALM_MS];
    await pause(CALM_MS);
    const address = { edge: stack.url, worker: stack.workerUrl };
    for (const name of names) {
      const from = Date.now();
      const sent = await attacker.attack({ name, address });
      await settle(stack, probeFile);
      const round: Round = { name, sent, span: [from, Date.now()] };
      const lines = await readProbe(probeFile);
      console.log(describeRound(round, lines, await timesSoFar()));
      for (const line of describeStacks(round, lines)) console.log(line);
    }
    const span: Round['span'] = [calm[1], Date.now()];
    return rows(await readProbe(probeFile), await timesSoFar(), span, calm);
  } finally {
    attacker.end();
    await bystander.terminate();
    await stack.close();
    await output.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}
