/** The batches of a worker: those that the queue names are taken on, as long as this worker has room for them. */
import { type BatchName, begin, isEnded, isStalled } from '../../shared/batches/batch.ts';
import { UNWATCHED } from '../metrics.ts';
import { type BatchRun, type BatchServices, namesOf, startBatchRun } from './batchRun.ts';
import { finishBatch } from './finish.ts';
import { heldUntil, type SweepOptions, sweepBatches } from './sweep.ts';

export interface BatchRunner {
  /** Whether there is such a batch. */
  readonly knows: (name: BatchName) => Promise<boolean>;
  /**
   * Does what a message of the queue asks for.
   * @returns seconds until the message has to come again; undefined when it need not
   * @throws what the store throws
   */
  readonly attend: (name: BatchName) => Promise<number | undefined>;
  /** A batch was cancelled. @returns whether it runs here */
  readonly cancel: (name: BatchName) => boolean;
  /**
   * Finds batches that nobody has, whatever became of the queue and of the workers that had them.
   * @returns batches that have not ended
   * @throws what the store throws
   */
  readonly sweep: (options: SweepOptions, signal: AbortSignal) => Promise<number>;
  /** Gives back those that run here, and takes no more. */
  readonly stop: () => void;
}

/** Batches that a worker runs at the same time. */
const MOST_BATCHES = 8;
/** Seconds before a batch is looked at again that found no room here, and of one that came to no end. */
const ROOM_SECONDS = 5;
const AGAIN_SECONDS = 1;
/** Beyond the end of a lease, for its holder to write a change that is under way. */
const SLACK_SECONDS = 0.5;
const keyOf = ({ tenant, id }: BatchName): string => `${tenant}/${id}`;

export function createBatchRunner(services: BatchServices): BatchRunner {
  const { batches, worker, times, now, log, metrics = UNWATCHED } = services;
  const active = new Map<string, BatchRun>();
  /** Batches that a message has brought, from before it is known whether they can be begun. */
  const inHand = new Set<string>();
  let isStopping = false;

  /** Undefined where another was faster. */
  async function start(name: BatchName): Promise<BatchRun | undefined> {
    const batch = await batches.read(name);
    if (!batch) return undefined;
    const done = await batches.done(name);
    const holder = { worker, until: now() + times.leaseMilliseconds };
    const next = begin(batch, holder, done.size, now());
    if (!next || !(await batches.write(next))) return undefined;
    if (next.status !== batch.status) metrics.count('batches', { status: next.status });
    log({ event: 'batch', ...namesOf(next), status: next.status, attempts: next.attempts });
    const detail = `the batch was begun ${next.stalls} times without another of its pieces being done`;
    return startBatchRun(services, {
      batch: next,
      done,
      ...(isStalled(next) && { failure: { code: 'attempts_exhausted' as const, detail } }),
    });
  }

  async function run(name: BatchName): Promise<'ended' | 'left'> {
    const started = await start(name);
    if (!started) return 'left';
    active.set(keyOf(name), started);
    try {
      if (isStopping) started.giveUp();
      return (await started.left) ? 'ended' : 'left';
    } finally {
      active.delete(keyOf(name));
    }
  }

  async function attend(name: BatchName): Promise<number | undefined> {
    const batch = await batches.read(name);
    if (!batch || isEnded(batch)) {
      if (batch) await finishBatch(services, batch);
      return undefined;
    }
    const until = await heldUntil(services, name, batch.holder);
    if (until > now()) return (until - now()) / 1000 + SLACK_SECONDS;
    if (isStopping || active.size >= MOST_BATCHES) return ROOM_SECONDS * (0.75 + Math.random() / 2);
    if ((await run(name)) === 'left') return AGAIN_SECONDS;
    const ended = await batches.read(name);
    if (ended) await finishBatch(services, ended);
    return undefined;
  }

  return {
    knows: async (name) => (await batches.read(name)) !== undefined,
    async attend(name) {
      const key = keyOf(name);
      // Another message has brought it, which stays until it has ended.
      if (inHand.has(key)) return undefined;
      inHand.add(key);
      try {
        return await attend(name);
      } finally {
        inHand.delete(key);
      }
    },
    cancel(name) {
      const run = active.get(keyOf(name));
      run?.look();
      return run !== undefined;
    },
    sweep: (options, signal) => sweepBatches(services, options, signal),
    stop() {
      isStopping = true;
      for (const run of active.values()) run.giveUp();
    },
  };
}
