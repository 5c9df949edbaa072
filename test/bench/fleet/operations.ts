/** What a job asks of the store, counted: the real edge's and worker's code over a store that counts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal, type JobDocument } from '../../../shared/jobs/job.ts';
import { createJobStore } from '../../../shared/jobs/jobStore.ts';
import { createMemoryBlobs } from '../../../shared/store/memoryBlobs.ts';
import { createStore, type Place, type PlacedObject } from '../../../shared/store/whole.ts';
import { TIMES } from '../../../worker/consumer/services.ts';
import { consumerOver, submitJob } from '../../support/consumers.ts';

/** Requests to an object store. Lists count as reads do, deletes as writes, as S3 bounds them. */
export interface Requests {
  reads: number;
  writes: number;
}
/** By the first step of the key. */
export type ByPrefix = ReadonlyMap<string, Readonly<Requests>>;

export interface JobOperations {
  /** Of a job from its submission until everything that it needed is removed. */
  readonly job: ByPrefix;
  /** Of one sign of life of a running job. */
  readonly heartbeat: ByPrefix;
}

function createCounting() {
  const objects = new Map<string, PlacedObject>();
  const counts = new Map<string, Requests>();
  let version = 0;
  const count = (key: string, what: keyof Requests): void => {
    const prefix = key.split('/')[0] ?? '';
    const own = counts.get(prefix) ?? { reads: 0, writes: 0 };
    own[what]++;
    counts.set(prefix, own);
  };
  const place: Place = {
    kind: 'memory',
    now: Date.now,
    async read(key) {
      count(key, 'reads');
      return objects.get(key);
    },
    async write(key, body, { contentType, seal, ifNoneMatch, ifMatch }) {
      count(key, 'writes');
      const present = objects.get(key);
      if (ifNoneMatch && present) return { ok: false, code: 'precondition_failed' };
      if (ifMatch !== undefined && present?.etag !== ifMatch)
        return { ok: false, code: 'precondition_failed' };
      const etag = `"${version++}"`;
      objects.set(key, { body, contentType, seal, etag });
      return { ok: true, etag };
    },
    async delete(key) {
      count(key, 'writes');
      objects.delete(key);
    },
    async list(prefix, _cursor, after = '') {
      count(prefix, 'reads');
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
      return { keys: keys.sort() };
    },
  };
  return {
    store: createStore(place, createMemoryBlobs()),
    /** What was asked since the last time. */
    taken(): ByPrefix {
      const taken = new Map(counts);
      counts.clear();
      return taken;
    },
  };
}

/** @param share of each number that is kept */
const scaled = (counts: ByPrefix, share: number): ByPrefix =>
  new Map(
    [...counts].map(([prefix, { reads, writes }]) => [
      prefix,
      { reads: reads * share, writes: writes * share },
    ]),
  );

const without = (all: ByPrefix, part: ByPrefix): ByPrefix =>
  new Map(
    [...all].map(([prefix, { reads, writes }]) => {
      const less = part.get(prefix) ?? { reads: 0, writes: 0 };
      return [prefix, { reads: reads - less.reads, writes: writes - less.writes }];
    }),
  );

/** Runs one job that lasts so long. */
async function countJob(milliseconds: number, heartbeatMilliseconds: number): Promise<ByPrefix> {
  const { store, taken } = createCounting();
  const jobs = createJobStore(store);
  const consumer = consumerOver(store, {
    times: { ...TIMES, heartbeatMilliseconds },
    run: async (_asked, { onAdmitted, onProgress }) => {
      await onAdmitted();
      onProgress({ target: 'depth', step: 1, steps: 1, decoded: 1, total: 1 } as never);
      await sleep(milliseconds);
    },
  });
  consumer.start();
  // The look for lost jobs with which a worker begins.
  await sleep(30);
  taken();
  const job = await submitJob(jobs, `${milliseconds}`);
  await consumer.take(job);
  await sleep(milliseconds + 150);
  await consumer.stop();
  const counts = taken();
  const done: JobDocument | undefined = await jobs.read(job);
  if (!done || !isFinal(done)) throw new Error('the job that is counted has not ended');
  return counts;
}

const BEATS = 8;

/** @throws Error when a job does not end */
export async function countOperations(): Promise<JobOperations> {
  const short = await countJob(20, 60_000);
  const long = await countJob(100 * BEATS + 50, 100);
  return {
    job: short,
    heartbeat: scaled(without(long, short), 1 / BEATS),
  };
}

/** Requests of all prefixes together. */
export const total = (counts: ByPrefix): Requests =>
  [...counts.values()].reduce(
    (sum: Requests, { reads, writes }) => ({
      reads: sum.reads + reads,
      writes: sum.writes + writes,
    }),
    { reads: 0, writes: 0 },
  );
