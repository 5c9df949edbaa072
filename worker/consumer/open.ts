/** The consumer of a worker: over its store, with what it has to do jobs. */
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import type { Store } from '../../shared/store/store.ts';
import { runJob } from '../service/runJob.ts';
import type { JobServices } from '../service/services.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { createOutcomes } from './outcomes.ts';
import { TIMES } from './services.ts';

export interface ConsumerOptions {
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  readonly queues: Queues;
  /** Jobs of a priority at work at the same time. */
  readonly slots: number;
}

/** @param services given what is done with jobs, whose consumer this is */
export function openConsumer(
  store: Store,
  services: JobServices,
  { worker, queues, slots }: ConsumerOptions,
): Consumer {
  const { log, registry } = services;
  return createConsumer({
    jobs: createJobStore(store),
    outcomes: createOutcomes(store, (message) => log({ event: 'store', message })),
    queues,
    run: (job, options) => runJob(services, job, options),
    models: () => registry.descriptions(),
    now: Date.now,
    times: TIMES,
    worker,
    slots,
    log,
  });
}
