/**
 * The run of a batch by one worker: from its lease to its end, or until it is given up. Each change of the document is
 * written before what follows from it, so that whoever finds the batch after a kill knows how far it came.
 */
import {
  type BatchDocument,
  type Counts,
  expire,
  failBatch,
  finalize,
  isEnded,
  release,
  settle,
} from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';
import { describeError, type Log } from '../log.ts';
import { UNWATCHED, type WorkerMetrics } from '../metrics.ts';
import { repeat } from '../repeat.ts';
import type { Ask } from './ask.ts';
import { type Ending, LostInputError, runPieces } from './pieces.ts';

export interface BatchServices {
  readonly batches: BatchStore;
  readonly answers: Ask;
  /** Lines of a batch that are under way or wait for an earlier one. */
  readonly window: number;
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  /** Tells whoever wanted to be told of a batch that has ended. */
  readonly announce: (batch: BatchDocument) => Promise<void>;
  readonly log: Log;
  /** Absent where nobody watches. */
  readonly metrics?: WorkerMetrics | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly times: BatchTimes;
}

export interface BatchTimes {
  /** Between two signs of life that tell of lines which were done. */
  readonly progressMilliseconds: number;
  /** Between two looks whether the batch was cancelled beside those of the signs of life; absent where edges tell. */
  readonly lookMilliseconds?: number | undefined;
  /** Between two signs of life, and two looks whether the batch was cancelled. */
  readonly heartbeatMilliseconds: number;
  /** How long a worker is believed to live after its last one. */
  readonly leaseMilliseconds: number;
}

export const BATCH_TIMES: BatchTimes = {
  progressMilliseconds: 1_000,
  heartbeatMilliseconds: 5_000,
  leaseMilliseconds: 20_000,
};

const ENDINGS = {
  cancelled: {
    code: 'batch_cancelled',
    message: 'the batch was cancelled before this line was done',
  },
  expired: { code: 'batch_expired', message: 'the batch expired before this line was done' },
  failed: { code: 'batch_failed', message: 'the batch failed before this line was done' },
} as const satisfies Record<string, Ending>;

/** How a line of the log names a batch. */
export const namesOf = ({ id, request_id }: BatchDocument) => ({ id, request_id });

/** Another has the batch, or this worker stops. */
class GivenUpError extends Error {
  override readonly name = 'GivenUpError';
}

export interface BatchRun {
  /** Looks whether it was cancelled. */
  readonly look: () => void;
  /** Gives it up, so that another worker goes on. */
  readonly giveUp: () => void;
  /** Whether it has come to its end. @throws what the store throws when it is out of order */
  readonly left: Promise<boolean>;
}

/** The longest that a timer can wait. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Tries at a change that others make as well. */
const TRIES = 5;
/** Records that are read at once. */
const AT_ONCE = 16;

export interface BatchBegun {
  /** With this worker as its holder. */
  readonly batch: BatchDocument;
  /** Pieces that have records. */
  readonly done: ReadonlySet<number>;
  /** Why it fails, where it was begun too often: none of its lines is tried any more. */
  readonly failure?: Parameters<typeof failBatch>[1];
}

interface Totals extends Counts {
  readonly untried: number;
}

/** Lines of the pieces that have records. */
export async function totalsOf(batches: BatchStore, batch: BatchDocument): Promise<Totals> {
  const total = { completed: 0, failed: 0, untried: 0 };
  for (let at = 0; at < batch.pieces.length; at += AT_ONCE) {
    const pieces = batch.pieces.slice(at, at + AT_ONCE).map((_, index) => at + index);
    const records = await Promise.all(pieces.map((piece) => batches.record(batch, piece)));
    for (const record of records) {
      total.completed += record?.completed ?? 0;
      total.failed += record?.failed ?? 0;
      total.untried += record?.untried ?? 0;
    }
  }
  return total;
}

export function startBatchRun(services: BatchServices, begun: BatchBegun): BatchRun {
  const { batches, worker, times, now, log, metrics = UNWATCHED } = services;
  const { batch, done, failure } = begun;
  const ending = new AbortController();
  const stopping = new AbortController();
  const counts = { completed: 0, failed: 0 };
  let [told, beaten] = [0, 0];

  const isOurs = (found: BatchDocument): boolean =>
    found.holder?.worker === worker && found.attempts === batch.attempts;

  async function look(): Promise<void> {
    const found = await batches.read(batch);
    if (!found || isEnded(found) || !isOurs(found))
      return stopping.abort(new GivenUpError('another has the batch'));
    if (found.status === 'cancelling') ending.abort(ENDINGS.cancelled);
  }

  async function beat(): Promise<void> {
    const isDue = now() - beaten >= times.heartbeatMilliseconds;
    const sum = counts.completed + counts.failed;
    if (!isDue && sum === told) return;
    told = sum;
    if (isDue) beaten = now();
    await batches.hold(batch, { worker, until: now() + times.leaseMilliseconds, ...counts });
    if (isDue) await look();
  }
  const trouble = (error: unknown): void => {
    const message = 'the batch gives no sign of life';
    log({ event: 'batch', ...namesOf(batch), message, error: describeError(error) });
  };
  const heartbeat = repeat(times.progressMilliseconds, beat, trouble);
  /** While the batch runs, whoever cancels it is all that changes its document. */
  async function lookAhead(): Promise<void> {
    if (!ending.signal.aborted && (await batches.successor(batch))) await look();
  }
  const { lookMilliseconds } = times;
  // That the store does not answer, the signs of life say.
  const looks = lookMilliseconds && repeat(lookMilliseconds, lookAhead, () => undefined);
  const deadline = setTimeout(
    () => ending.abort(ENDINGS.expired),
    Math.min(Math.max(0, batch.expires - now()), LONGEST_TIMER),
  );
  if (failure) ending.abort(ENDINGS.failed);
  else if (batch.status === 'cancelling') ending.abort(ENDINGS.cancelled);
  // Before the timer says so, lines would be asked for.
  else if (now() >= batch.expires) ending.abort(ENDINGS.expired);

  /** The document after its end; undefined where its status allows none. */
  function endOf(found: BatchDocument, { untried, ...sums }: Totals): BatchDocument | undefined {
    if (failure) return failBatch(found, failure, sums, now());
    if (found.status === 'in_progress')
      return untried > 0 ? expire(found, sums, now()) : finalize(found, now());
    return settle(found, sums, now());
  }

  /** Every piece has its record: says so, whatever others have changed meanwhile. */
  async function finish(): Promise<boolean> {
    const totals = await totalsOf(batches, batch);
    for (let tries = 0; tries < TRIES; ) {
      const found = await batches.read(batch);
      if (!found || isEnded(found)) return true;
      if (!isOurs(found)) return false;
      const next = endOf(found, totals);
      if (!next || !(await batches.write(next))) {
        tries++;
        continue;
      }
      metrics.count('batches', { status: next.status });
      if (!isEnded(next)) continue;
      log({ event: 'batch', ...namesOf(next), status: next.status, ...next.counts });
      return true;
    }
    return false;
  }

  async function lost(error: LostInputError): Promise<boolean> {
    const found = await batches.read(batch);
    if (!found || isEnded(found)) return true;
    const { untried: _, ...sums } = await totalsOf(batches, batch);
    const next = failBatch(
      found,
      { code: 'store_unavailable', detail: error.message },
      sums,
      now(),
    );
    if (next === undefined || !(await batches.write(next))) return false;
    metrics.count('batches', { status: next.status });
    return true;
  }

  async function run(): Promise<boolean> {
    const before = await totalsOf(batches, batch);
    counts.completed += before.completed;
    counts.failed += before.failed;
    try {
      await runPieces({
        ...services,
        batch,
        done,
        ending: ending.signal,
        signal: stopping.signal,
        onLine: (file) => {
          counts[file]++;
          metrics.count('batchLines', { outcome: file });
        },
      });
      return await finish();
    } catch (error) {
      if (error instanceof LostInputError) return await lost(error);
      if (!(error instanceof GivenUpError)) throw error;
      return false;
    }
  }

  async function letGo(): Promise<void> {
    const found = await batches.read(batch);
    if (!found || !isOurs(found)) return;
    const next = release(found, now());
    // How far it was is still told; that anybody has it is not.
    if (next && (await batches.write(next)))
      await batches.hold(batch, { worker, until: 0, ...counts });
  }

  const left = run().finally(async () => {
    clearTimeout(deadline);
    if (looks) await looks.stop();
    // Whoever clears the lease must not have it written again.
    await heartbeat.stop();
    // What it has not come to, another goes on with, and need not wait for the end of the lease.
    await letGo().catch(() => undefined);
  });
  return {
    look: () => void look().catch(trouble),
    giveUp: () => stopping.abort(new GivenUpError('this worker stops')),
    left,
  };
}
