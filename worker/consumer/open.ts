/** The consumer of a worker: over its store, with what it has to do jobs. */

import { removeMadeBefore } from '../../shared/documents/retention.ts';
import { announceJob } from '../../shared/jobs/announce.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { createModelMemory } from '../../shared/jobs/modelMemory.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import type { Store } from '../../shared/store/store.ts';
import type { EventDocument } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import type { BatchRunner } from '../batches/runner.ts';
import { runJob } from '../service/runJob.ts';
import type { JobServices } from '../service/services.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { createOutcomes } from './outcomes.ts';
import { TIMES } from './services.ts';
import { createTurn } from './turn.ts';

/** After this time a worker says again that it has a model. */
const MODELS_MILLISECONDS = 600_000;

const DAY = 86_400_000;

export interface ConsumerOptions {
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  readonly queues: Queues;
  /** Between two looks for jobs that are in no queue. */
  readonly sweepSeconds: number;
  /** Between two looks whether a job that runs was canceled, where edges do not tell this worker. */
  readonly lookMilliseconds: number;
  /** Jobs of a priority at work at the same time. */
  readonly slots: number;
  /** Absent where no edge is known that lines of batches can be asked of. */
  readonly batches?: BatchRunner | undefined;
  /** Days that jobs and batches are kept; 0 for ever. */
  readonly keepDays: number;
  /** Events that wait to be told. */
  readonly announced: (events: readonly EventDocument[]) => Promise<void>;
}

/** @param services given what is done with jobs, whose consumer this is */
export function openConsumer(
  store: Store,
  services: JobServices,
  options: ConsumerOptions,
): Consumer {
  const { worker, queues, slots, sweepSeconds, keepDays, batches, announced } = options;
  const { log, registry } = services;
  const events = createEventStore(store);
  const times = {
    ...TIMES,
    sweepMilliseconds: sweepSeconds * 1000,
    ...(queues.batch.isShared && { lookMilliseconds: options.lookMilliseconds }),
  };
  return createConsumer({
    jobs: createJobStore(store),
    outcomes: createOutcomes(store, (message) => log({ event: 'store', message })),
    queues,
    run: (job, options) => runJob(services, job, { ...options, isQueued: true }),
    metrics: services.metrics,
    tracer: services.tracer,
    memory: createModelMemory(store, { refreshMilliseconds: MODELS_MILLISECONDS, now: store.now }),
    // Less than the shortest pause between two looks of one worker.
    turn: createTurn(store, {
      worker,
      milliseconds: 0.7 * times.sweepMilliseconds,
      now: store.now,
    }),
    announce: async (job) => await announced(await announceJob(events, job, store.now())),
    models: () => registry.descriptions(),
    now: store.now,
    times,
    worker,
    slots,
    batches,
    removeOld: async (signal) =>
      keepDays === 0 ? 0 : await removeMadeBefore(store, store.now() - keepDays * DAY, signal),
    log,
  });
}
