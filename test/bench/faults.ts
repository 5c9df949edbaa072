/** A fleet under 200 jobs and 20 batches while its processes are killed and everything around them fails. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFaults } from '../faults/run.ts';
import { exportDemo } from '../support/demoSet.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import type { BenchRow } from './main.ts';

const numberOf = (name: string, otherwise: number): number => {
  const given = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return given === undefined ? otherwise : Number(given.slice(name.length + 3));
};

/** The value that a share of sorted values does not exceed. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;

export async function bench(): Promise<BenchRow[]> {
  const missing = s3Missing();
  if (missing !== undefined)
    console.error(`the store is a disk, which does not fail: there is no ${missing}`);
  const folder = await mkdtemp(join(tmpdir(), 'fourm-faults-'));
  const set = await exportDemo();
  try {
    const report = await runFaults({
      modelsFolder: set.modelsFolder,
      folder,
      s3: missing === undefined ? await s3Settings(`faults-${Date.now()}`) : undefined,
      jobs: numberOf('jobs', 200),
      batches: numberOf('batches', 20),
      linesOfBatch: 10,
      kills: numberOf('kills', 50),
      seconds: numberOf('seconds', 180),
      longSeconds: 30,
      seed: numberOf('seed', 1),
      // A webhook that was refused twice is tried again after five minutes.
      patienceSeconds: 600,
      log: (line) => console.error(line),
    });
    for (const finding of report.findings) console.error(finding);
    const row = (name: string, value: number, what: string, unit = ''): BenchRow => ({
      name,
      value,
      unit,
      what,
    });
    return [
      row('kills', report.kills, 'processes that were killed with -9'),
      row('jobs_lost', report.jobsLost, 'jobs and batches that were acknowledged and have no end'),
      row('jobs_wrong', report.jobsWrong, 'those that ended otherwise than without faults'),
      row('jobs_given_up', report.jobsGivenUp, 'jobs whose worker was killed under them each time'),
      row(
        'charged_twice',
        report.chargedTwice,
        'jobs and lines of batches that were charged more than once',
      ),
      row('charges_missed', report.chargesMissed, 'jobs that succeeded and were not charged'),
      row('webhooks_lost', report.webhooksLost, 'ends that no webhook has told'),
      row('webhooks_doubled', report.webhooksDoubled, 'ends that were told under two ids'),
      row(
        'recovery_p50_s',
        quantile(report.recoverySeconds, 0.5),
        'from a kill until a job that the worker had goes on, median',
        's',
      ),
      row(
        'recovery_p99_s',
        quantile(report.recoverySeconds, 0.99),
        `the same, of which 1 % take longer, of ${report.recoverySeconds.length}`,
        's',
      ),
      row('run_s', report.seconds, 'from the first request to the last webhook', 's'),
    ];
  } finally {
    await set.remove();
    await rm(folder, { recursive: true, force: true });
  }
}
