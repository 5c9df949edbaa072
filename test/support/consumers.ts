/** Consumers of jobs over one store, whose models are fakes: what is run, and how it ends, is the test's. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GenerateResponse, Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { announceJob } from '../../shared/jobs/announce.ts';
import {
  createJob,
  type JobDescription,
  type JobDocument,
  type JobName,
} from '../../shared/jobs/job.ts';
import { createJobStore, type JobStore } from '../../shared/jobs/jobStore.ts';
import { createModelMemory } from '../../shared/jobs/modelMemory.ts';
import { createInProcessQueues } from '../../shared/queue/inProcessQueues.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import { canonicalJson, sha256 } from '../../shared/results/content.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import type { EventDocument } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import type { BatchRunner } from '../../worker/batches/runner.ts';
import { type Consumer, createConsumer } from '../../worker/consumer/consumer.ts';
import { createOutcomes } from '../../worker/consumer/outcomes.ts';
import { TIMES, type Times } from '../../worker/consumer/services.ts';
import { createTurn } from '../../worker/consumer/turn.ts';
import type { RunOptions } from '../../worker/consumer/work.ts';
import { describedJob } from './describedJob.ts';
import { MODEL } from './fakeWorker.ts';

/** What the fake model is asked: it answers with its steps. */
export interface Asked {
  readonly id: string;
  readonly priority?: string | undefined;
}

/** Runs a job. Its result is the fake's unless it throws. */
export type FakeRun = (asked: Asked, options: RunOptions, worker: string) => Promise<void>;

export const FAST: Times = {
  ...TIMES,
  heartbeatMilliseconds: 50,
  // Longer than a crowded machine stands still: nobody who lives is taken for gone.
  leaseMilliseconds: 3000,
  roomSeconds: 0.02,
  restSeconds: 0.02,
  backoffSeconds: 0.02,
  sweepMilliseconds: 100,
};

export const fakeResult = (id: string): GenerateResponse => ({
  id,
  model: { id: MODEL.id, digest: MODEL.digest, licence: 'Apache-2.0', precision: 'fp32' },
  seed: 7,
  outputs: {},
  usage: { encoder_passes: 1, decoder_passes: 1, generated_tokens: 1, milliseconds: 1 },
});

export interface ConsumerWish {
  readonly run: FakeRun;
  readonly worker?: string;
  readonly slots?: number;
  readonly batches?: BatchRunner;
  readonly times?: Times;
  readonly models?: () => readonly Model[];
  /** What is answered; nothing in particular when left out. */
  readonly result?: (asked: Asked) => object;
  readonly now?: () => number;
  readonly queues?: Queues;
  /** Is given what a webhook is to tell. */
  readonly announced?: (events: readonly EventDocument[]) => Promise<void>;
}

export function consumerOver(
  store: Store,
  {
    run,
    worker = 'w1',
    slots = 4,
    batches,
    times = FAST,
    models = () => [MODEL],
    result = ({ id }) => fakeResult(id),
    now = Date.now,
    queues = createInProcessQueues(30, () => {}),
    announced = async () => {},
  }: ConsumerWish,
): Consumer {
  return createConsumer({
    jobs: createJobStore(store),
    outcomes: createOutcomes(store, () => {}),
    queues,
    memory: createModelMemory(store, { refreshMilliseconds: 600_000, now }),
    turn: createTurn(store, { worker, milliseconds: 0.7 * times.sweepMilliseconds, now }),
    batches,
    removeOld: async () => 0,
    async run({ request }, options) {
      const asked = request as unknown as Asked;
      try {
        await run(asked, options, worker);
        options.signal.throwIfAborted();
      } catch (error) {
        if (options.signal.aborted) throw options.signal.reason;
        if (error instanceof FailureError) return { ok: false, failure: error.failure };
        throw error;
      }
      return { ok: true, value: result(asked) as never };
    },
    announce: async (job) =>
      await announced(await announceJob(createEventStore(store), job, now())),
    models,
    log: () => {},
    worker,
    slots,
    times,
    now,
  });
}

/** Puts a job into a store as an edge does. @param caption tells requests apart, and so their results */
export async function submitJob(
  jobs: JobStore,
  caption: string,
  more: Partial<JobDescription> = {},
  deadline?: number,
  now = Date.now(),
): Promise<JobDocument> {
  const id = await sha256(canonicalJson({ caption }));
  const request = {
    request_id: 'r1',
    id,
    model: 'fake',
    seed: 7,
    request: { inputs: { caption }, targets: ['depth'] },
  };
  const description = describedJob(more);
  const job = createJob(
    { ...description, result: { ...description.result, ...more.result, id } },
    now,
    deadline,
  );
  return await jobs.create(job, new TextEncoder().encode(JSON.stringify(request)));
}

export const step = (number: number): Progress => ({
  target: 'depth',
  step: number,
  steps: 2,
  fraction: number / 2,
});
/** Two steps, and an end. */
export const works: FakeRun = async (_, { onAdmitted, onProgress }) => {
  await onAdmitted();
  onProgress(step(1));
  onProgress(step(2));
};
/** Begins, and works until it is told to stop. */
export const endless: FakeRun = async (_, { onAdmitted, onProgress, signal }) => {
  await onAdmitted();
  onProgress(step(1));
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
};

export function setUp() {
  const store = createMemoryStore();
  const jobs = createJobStore(store);
  const until = async (
    name: JobName,
    what: string,
    holds: (job: JobDocument) => boolean,
  ): Promise<JobDocument> => {
    for (let tries = 0; tries < 6000; tries++) {
      const job = await jobs.read(name);
      if (job && holds(job)) return job;
      await sleep(10);
    }
    assert.fail(`${what}: ${JSON.stringify(await jobs.read(name))}`);
  };
  const status = (name: JobName, wanted: JobDocument['status']): Promise<JobDocument> =>
    until(name, wanted, (job) => job.status === wanted);
  /** Nothing is left of what a job needed. */
  const cleared = async (name: JobName): Promise<void> => {
    for (let tries = 0; tries < 6000; tries++) {
      const left = await Promise.all([store.list('job-inputs/'), store.list('job-leases/')]);
      if (left.every(({ keys }) => !keys.some((key) => key.includes(name.id)))) return;
      await sleep(10);
    }
    assert.fail('inputs or a lease are left');
  };
  return { store, jobs, until, status, cleared };
}

export async function listed<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items ?? []) all.push(item);
  return all;
}

export async function using(
  consumers: readonly Consumer[],
  work: () => Promise<void>,
): Promise<void> {
  for (const consumer of consumers) consumer.start();
  try {
    await work();
  } finally {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
  }
}
