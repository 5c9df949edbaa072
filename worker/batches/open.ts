/** The batches of a worker: over its store, with an edge that its lines are asked of. */
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Log } from '../log.ts';
import type { WorkerMetrics } from '../metrics.ts';
import { createAnswers } from './answers.ts';
import { createAsk } from './ask.ts';
import { BATCH_TIMES } from './batchRun.ts';
import { createLimiter } from './inOrder.ts';
import { type BatchRunner, createBatchRunner } from './runner.ts';

export interface BatchOptions {
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  /** Address of an edge. */
  readonly edge: string;
  readonly secret: string;
  /** Lines that are asked for at once, of all batches together. */
  readonly parallel: number;
  readonly log: Log;
  readonly metrics?: WorkerMetrics | undefined;
}

/** Lines that wait for an earlier one, for each that is under way: so that a slow one does not leave the others idle. */
const AHEAD = 4;

export function openBatches(store: Store, options: BatchOptions): BatchRunner {
  const { worker, edge, secret, parallel, log, metrics } = options;
  return createBatchRunner({
    batches: createBatchStore(store),
    answers: createAnswers(createAsk({ edge, secret, parallel, log }), createLimiter(parallel)),
    window: parallel * AHEAD,
    worker,
    log,
    metrics,
    now: store.now,
    times: BATCH_TIMES,
  });
}
