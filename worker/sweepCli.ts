/**
 * `npm run jobs:sweep`: looks once for jobs and webhooks whose messages are lost, and at dead letters, and ends. It loads no models.
 * For a fleet that scales to zero, on a schedule: where no worker runs, none looks, and a lost message wakes nobody.
 */
import * as z from 'zod';
import { announceBatch } from '../shared/batches/announce.ts';
import type { BatchDocument } from '../shared/batches/batch.ts';
import { createBatchStore } from '../shared/batches/batchStore.ts';
import { announceJob } from '../shared/jobs/announce.ts';
import type { JobDocument, JobName } from '../shared/jobs/job.ts';
import { createJobStore } from '../shared/jobs/jobStore.ts';
import { messageOf } from '../shared/jobs/message.ts';
import { createPinoLog } from '../shared/log/pinoLog.ts';
import { type EventDocument, isSettled } from '../shared/webhooks/event.ts';
import { createEventStore } from '../shared/webhooks/eventStore.ts';
import { type DueMessage, messageOf as messageOfEvent } from '../shared/webhooks/message.ts';
import { sweepBatches } from './batches/sweep.ts';
import { readDeadLetters } from './consumer/deadLetters.ts';
import { isDoubtful } from './consumer/doubtful.ts';
import { sweepShared } from './consumer/sweep.ts';
import { queueFields, queueProblems, queuesOf } from './queueConfig.ts';
import { absentOf, sharedStoreOf, storeFields } from './storeConfig.ts';
import { logOptions } from './watchingConfig.ts';
import { DELIVERY_TIMES } from './webhooks/services.ts';
import { sweepEvents } from './webhooks/sweep.ts';

/** As if it were run every five minutes, as is documented. */
const SPANS = { sinceMilliseconds: 300_000, youngMilliseconds: 60_000 };

async function main(): Promise<number> {
  const parsed = z.object({ ...storeFields, ...queueFields }).safeParse(process.env);
  const problems = parsed.success
    ? [
        ...queueProblems(parsed.data),
        ...absentOf(parsed.data).map((name) => `${name}: is needed with FOURM_STORE=s3`),
      ]
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (parsed.success && parsed.data.FOURM_QUEUE !== 'sqs')
    problems.push('FOURM_QUEUE: has to be sqs; a queue in a process is looked after by its worker');
  const open = parsed.success && problems.length === 0 ? sharedStoreOf(parsed.data) : undefined;
  if (!parsed.success || !open) {
    console.error(`jobs cannot be looked for:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    return 2;
  }
  const log = createPinoLog(logOptions(process.env));
  const [store, queues] = await Promise.all([open(log), queuesOf(parsed.data)(log)]);
  const events = createEventStore(store);
  const { now } = store;
  const tell = (event: DueMessage): Promise<void> => queues.webhooks.send(messageOfEvent(event));
  const tellAll = async (announced: readonly EventDocument[]): Promise<void> => {
    for (const event of announced) if (!isSettled(event)) await tell(event);
  };
  const services = {
    jobs: createJobStore(store),
    queues,
    announce: async (job: JobDocument) => await tellAll(await announceJob(events, job, now())),
    now,
    log,
  };
  const { signal } = new AbortController();
  await readDeadLetters(services, signal);
  const ended = {
    batches: createBatchStore(store),
    announce: async (batch: BatchDocument) =>
      await tellAll(await announceBatch(events, batch, now())),
  };
  const found = (name: JobName): Promise<void> => queues.batch.send(messageOf(name));
  const sent = await sweepShared(
    services,
    {
      ...SPANS,
      batches: (isDue) => sweepBatches({ ...ended, now }, { isDue, found }, signal),
    },
    signal,
  );
  let told = 0;
  const again = async (event: DueMessage): Promise<void> => {
    await tell(event);
    told++;
  };
  const { graceMilliseconds } = DELIVERY_TIMES;
  const isLost = (overdue: number): boolean =>
    isDoubtful(overdue, SPANS.sinceMilliseconds, graceMilliseconds);
  await sweepEvents({ events, now }, isLost, again, signal);
  console.log(`${sent} jobs and ${told} webhooks were sent again`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`jobs cannot be looked for: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
