/** What a job asks of the store, counted: the real edge's and worker's code over a store that counts. */
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isFinal, type JobDocument } from '../../../shared/jobs/job.ts';
import { createJobStore } from '../../../shared/jobs/jobStore.ts';
import { createMemoryBlobs } from '../../../shared/store/memoryBlobs.ts';
import type { Store } from '../../../shared/store/store.ts';
import { createStore, type Place, type PlacedObject } from '../../../shared/store/whole.ts';
import { TIMES, type Times } from '../../../worker/consumer/services.ts';
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
  /** Of one look whether a running job was canceled. */
  readonly look: ByPrefix;
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
  const store = createStore(place, createMemoryBlobs());
  let underWay = 0;
  const seen =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      underWay++;
      try {
        return await ask(...args);
      } finally {
        underWay--;
      }
    };
  const watched: Store = {
    ...store,
    get: seen(store.get),
    look: seen(store.look),
    put: seen(store.put),
    delete: seen(store.delete),
    list: seen(store.list),
  };
  return {
    store: watched,
    /** Resolves when nothing is asked any more. */
    async settled(): Promise<void> {
      for (let quiet = 0; quiet < 20; quiet++) {
        await turn();
        if (underWay > 0) quiet = 0;
      }
    },
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

const BEATS = 8;
const EVERY = 100;
/** Longer than any job that is counted. */
const NEVER = 1e9;

/**
 * Runs one job, while whose work this much time passes.
 * @param times intervals that are shorter are counted
 */
async function countJob(
  milliseconds: number,
  times: Pick<Times, 'heartbeatMilliseconds' | 'lookMilliseconds'>,
): Promise<ByPrefix> {
  const { store, settled, taken } = createCounting();
  const jobs = createJobStore(store);
  let [begun, ended] = [() => {}, () => {}];
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const isEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const consumer = consumerOver(store, {
    times: { ...TIMES, ...times },
    run: async (_asked, { onAdmitted, onProgress }) => {
      await onAdmitted();
      onProgress({ target: 'depth', step: 1, steps: 1, decoded: 1, total: 1 } as never);
      begun();
      await isEnded;
    },
  });
  // No clock but ours: what is counted does not depend on how busy this machine is.
  mock.timers.enable({ apis: ['setInterval'] });
  try {
    consumer.start();
    // The look for lost jobs with which a worker begins.
    await settled();
    taken();
    const job = await submitJob(jobs, `${milliseconds}`);
    await consumer.take(job);
    await isBegun;
    for (let passed = 0; passed < milliseconds; passed += EVERY) {
      await settled();
      mock.timers.tick(EVERY);
    }
    await settled();
    ended();
    await settled();
    await consumer.stop();
    const counts = taken();
    const done: JobDocument | undefined = await jobs.read(job);
    if (!done || !isFinal(done)) throw new Error('the job that is counted has not ended');
    return counts;
  } finally {
    mock.timers.reset();
  }
}

/** @throws Error when a job does not end */
export async function countOperations(): Promise<JobOperations> {
  const none = { heartbeatMilliseconds: NEVER };
  const short = await countJob(0, none);
  const beaten = await countJob(EVERY * BEATS, { heartbeatMilliseconds: EVERY });
  const watched = await countJob(EVERY * BEATS, { ...none, lookMilliseconds: EVERY });
  return {
    job: short,
    heartbeat: scaled(without(beaten, short), 1 / BEATS),
    look: scaled(without(watched, short), 1 / BEATS),
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
