/** Jobs and batches through a fleet while everything in it fails, and what has become of them in the end. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../infra/paths.ts';
import { createCallers } from './callers.ts';
import { checkCharges } from './charges.ts';
import { checkBatches, checkJobs, checkWebhooks, createPatience } from './checks.ts';
import { type FleetOptions, startFleet, TENANT } from './fleet.ts';
import { readHistories, recoveries } from './history.ts';
import { misbehave } from './misbehave.ts';
import { type PlanOptions, planFaults } from './plan.ts';
import type { FleetProcess } from './processes.ts';
import { startReceiver } from './receiver.ts';
import { planWork, type Wanted } from './work.ts';

export interface FaultOptions extends Omit<FleetOptions, 'folder'>, Omit<PlanOptions, 'processes'> {
  readonly folder: string;
  readonly jobs: number;
  readonly batches: number;
  readonly linesOfBatch: number;
  /** Time after the last fault, or after the last end that was seen, in which the next has to be seen. */
  readonly patienceSeconds: number;
  readonly log: (line: string) => void;
}

export interface FaultReport {
  /** Jobs and batches that were acknowledged and have not ended. */
  readonly jobsLost: number;
  /** Those that ended otherwise than without faults. */
  readonly jobsWrong: number;
  /** Jobs that failed since their worker was killed under them as often as a job may be begun. */
  readonly jobsGivenUp: number;
  /** Jobs and lines of batches that were charged more than once, and one where the sums do not fit the account. */
  readonly chargedTwice: number;
  /** Jobs that have succeeded and were not charged. */
  readonly chargesMissed: number;
  /** Ends that no webhook has told. */
  readonly webhooksLost: number;
  /** Ends that were told under more than one id. */
  readonly webhooksDoubled: number;
  readonly webhooksRefused: number;
  readonly recoverySeconds: readonly number[];
  readonly kills: number;
  readonly seconds: number;
  /** What was lost or wrong, in words. */
  readonly findings: readonly string[];
}

/** Asks for everything, some at a time, spread over the time of the faults. */
async function submitAll<T>(
  wanted: readonly T[],
  seconds: number,
  submit: (one: T) => Promise<string>,
): Promise<Map<string, T>> {
  const acknowledged = new Map<string, T>();
  const asked = wanted.map(async (one, index) => {
    await sleep((index / wanted.length) * seconds * 1000);
    acknowledged.set(await submit(one), one);
  });
  await Promise.all(asked);
  return acknowledged;
}

const linesOf = (wanted: readonly Wanted[]): string =>
  wanted
    .map(({ request }, index) =>
      JSON.stringify({
        custom_id: `line-${index}`,
        method: 'POST',
        url: '/v1/generate',
        body: request,
      }),
    )
    .join('\n');

/** The last of what a process said of lost jobs and of errors. */
const troublesOf = (process: FleetProcess): string =>
  process
    .said()
    .split('\n')
    .filter((line) => /"(sweep|error)"/.test(line))
    .slice(-12)
    .join('\n');

/** @throws Error when the fleet does not start, or nobody answers a caller for minutes */
export async function runFaults(options: FaultOptions): Promise<FaultReport> {
  const { jobs, batches, linesOfBatch, seconds, seed, log, patienceSeconds } = options;
  const fleet = await startFleet(options);
  const receiver = await startReceiver();
  try {
    const callers = createCallers(fleet.edges, fleet.key);
    const picture = await readFile(join(repositoryRoot, 'examples/scene-1.png'), 'base64');
    const count = jobs + batches * linesOfBatch;
    const wanted = await planWork(callers, { count, seed, picture });
    receiver.setSecret(await callers.webhookSecret());
    log(`${count} results are known`);

    const began = performance.now();
    const plan = planFaults({ ...options, processes: fleet.processes.length });
    const misbehaving = misbehave(fleet, receiver, plan, log);
    const ofBatches = Array.from({ length: batches }, (_, batch) =>
      wanted.slice(jobs + batch * linesOfBatch, jobs + (batch + 1) * linesOfBatch),
    );
    const askedTime = 0.7 * seconds;
    const [acceptedJobs, acceptedBatches] = await Promise.all([
      submitAll(wanted.slice(0, jobs), askedTime, ({ request }) =>
        callers.submitJob({ ...request, webhook: receiver.url }),
      ),
      submitAll(ofBatches, askedTime, (lines) =>
        callers.submitBatch(linesOf(lines), `?webhook=${encodeURIComponent(receiver.url)}`),
      ),
    ]);
    const kills = await misbehaving;
    log(`the faults are over; ${acceptedJobs.size} jobs, ${acceptedBatches.size} batches`);

    const patience = createPatience(patienceSeconds);
    const findings: string[] = [];
    const jobsFound = await checkJobs(callers, acceptedJobs, patience, findings);
    const batchesFound = await checkBatches(callers, acceptedBatches, patience, findings);
    const expected = [
      ...[...jobsFound.ends].flatMap(([id, status]) => (status ? [`job.${status} ${id}`] : [])),
      ...[...batchesFound.ends].flatMap(([id, status]) =>
        status ? [`batch.${status} ${id}`] : [],
      ),
    ];
    const webhooks = await checkWebhooks(receiver, expected, patience, findings);
    if (findings.length > 0)
      for (const process of fleet.processes) log(`${process.name}: ${troublesOf(process)}`);
    const charges = await checkCharges(fleet.store, TENANT, jobsFound.ends, findings);
    const histories = await readHistories(fleet.store);
    const recovered = recoveries(histories.values(), kills, fleet.skews);
    return {
      jobsLost: jobsFound.lost + batchesFound.lost,
      jobsWrong: jobsFound.wrong + batchesFound.wrong,
      jobsGivenUp: jobsFound.givenUp,
      chargedTwice: charges.twice,
      chargesMissed: charges.missed,
      webhooksLost: webhooks.lost,
      webhooksDoubled: webhooks.doubled,
      webhooksRefused: receiver.refused(),
      recoverySeconds: recovered.map((milliseconds) => milliseconds / 1000).sort((a, b) => a - b),
      kills: plan.filter(({ fault }) => fault.do === 'kill').length,
      seconds: (performance.now() - began) / 1000,
      findings,
    };
  } catch (error) {
    for (const process of fleet.processes) log(`${process.name}:\n${process.said().slice(-3000)}`);
    throw error;
  } finally {
    await fleet.stop();
    await receiver.goDown();
  }
}
