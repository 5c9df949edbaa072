/** What is told of jobs: how their lines of the log name them, their metrics, and the spans of their waiting. */
import type { JobDocument } from '../../shared/jobs/job.ts';
import type { Depth, Queue } from '../../shared/queue/queue.ts';
import { traceIdOf } from '../../shared/tracing/traceparent.ts';
import { NO_TRACER } from '../../shared/tracing/tracer.ts';
import { UNWATCHED, type WorkerMetrics } from '../metrics.ts';
import type { ConsumerServices } from './services.ts';
import type { Seen } from './sweep.ts';

/** How a line of the log names a job. */
export function namesOf({ id, request_id, traceparent }: JobDocument): Record<string, string> {
  const traceId = traceIdOf(traceparent);
  return { id, request_id, ...(traceId !== undefined && { trace_id: traceId }) };
}

type Watch = Pick<ConsumerServices, 'metrics' | 'tracer'>;

/** A change of a job was written. */
export function tellChange(
  { metrics = UNWATCHED, tracer = NO_TRACER }: Watch,
  job: JobDocument,
): void {
  const { task, status, priority, created, updated, attempts, traceparent } = job;
  metrics.count('jobs', { task, status });
  if (status !== 'starting' || attempts !== 1) return;
  metrics.observe('jobWait', { task, priority }, (updated - created) / 1000);
  if (traceparent === undefined) return;
  const wait = { name: 'job wait', parent: traceparent, started: created };
  tracer.start({ ...wait, attributes: { 'fourm.task': task } }).end(updated);
}

/** What a look for jobs has found counts for so long: where workers take turns, the next one is another's. */
const SEEN_MILLISECONDS = 150_000;
/** A queue that many share is asked no more often how many messages it has: each question is a request to it. */
const DEPTH_MILLISECONDS = 30_000;

/**
 * Says how the gauges of jobs are read.
 * @param busy slots that are taken, by priority
 * @returns what is to be told of each look for jobs
 */
export function watchJobs(
  { metrics = UNWATCHED, queues, now }: ConsumerServices,
  busy: () => Readonly<Record<string, number>>,
): (seen: Seen) => void {
  let last: Seen | undefined;
  const seen = (): Seen | undefined =>
    last && now() - last.at < SEEN_MILLISECONDS ? last : undefined;
  metrics.read('openJobs', () =>
    Object.entries(seen()?.open ?? {}).map(([status, count]) => [{ status }, count]),
  );
  metrics.read('oldestJob', () => {
    const found = seen();
    if (!found) return [];
    return [[{}, found.oldest === undefined ? 0 : (now() - found.oldest) / 1000]];
  });
  metrics.read('jobSlots', () =>
    Object.entries(busy()).map(([priority, count]) => [{ priority }, count]),
  );
  watchQueue(metrics, 'interactive', queues.interactive, now);
  watchQueue(metrics, 'batch', queues.batch, now);
  watchQueue(metrics, 'dead', queues.dead, now);
  return (found) => {
    last = found;
  };
}

/** Says how the messages of a queue are counted. */
export function watchQueue(
  metrics: WorkerMetrics,
  name: string,
  queue: Pick<Queue, 'depth'> & Partial<Pick<Queue, 'isShared'>>,
  now: () => number,
): void {
  let last: { readonly at: number; readonly depth: Depth } | undefined;
  metrics.read('queueMessages', async () => {
    const isFresh = queue.isShared !== false && last && now() - last.at < DEPTH_MILLISECONDS;
    if (!isFresh) last = { at: now(), depth: await queue.depth() };
    return Object.entries(last?.depth ?? {}).map(([state, count]) => [
      { queue: name, state },
      Number(count),
    ]);
  });
}
