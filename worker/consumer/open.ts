/** The consumer of a worker: over its store, with what it has to do jobs. */
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { createInProcessQueue } from '../../shared/queue/inProcess.ts';
import type { Store } from '../../shared/store/store.ts';
import { runJob } from '../service/runJob.ts';
import type { JobServices } from '../service/services.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { createOutcomes } from './outcomes.ts';
import { TIMES } from './services.ts';

/** Seconds that a job is hidden in the queue, unless its run extends them. */
const VISIBILITY_SECONDS = 30;

export interface ConsumerOptions {
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  /** Jobs of a priority at work at the same time. */
  readonly slots: number;
}

/** @param services given what is done with jobs, whose consumer this is */
export function openConsumer(
  store: Store,
  services: JobServices,
  { worker, slots }: ConsumerOptions,
): Consumer {
  const { log, registry } = services;
  return createConsumer({
    jobs: createJobStore(store),
    outcomes: createOutcomes(store, (message) => log({ event: 'store', message })),
    queues: {
      interactive: createInProcessQueue({ visibilitySeconds: VISIBILITY_SECONDS }),
      batch: createInProcessQueue({ visibilitySeconds: VISIBILITY_SECONDS }),
    },
    run: (job, options) => runJob(services, job, options),
    models: () => registry.descriptions(),
    now: Date.now,
    times: TIMES,
    worker,
    slots,
    log,
  });
}
