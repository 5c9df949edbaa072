/** The batches of a worker: over its store, with an edge that its lines are asked of. */

import { announceBatch } from '../../shared/batches/announce.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import type { Store } from '../../shared/store/store.ts';
import type { EventDocument } from '../../shared/webhooks/event.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
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
  /** Between two looks whether a batch was cancelled; absent where edges tell this worker. */
  readonly lookMilliseconds: number | undefined;
  /** Told of events that wait to be delivered. */
  readonly announced: (events: readonly EventDocument[]) => Promise<void>;
  readonly log: Log;
  readonly metrics?: WorkerMetrics | undefined;
}

/** Lines that wait for an earlier one, for each that is under way: so that a slow one does not leave the others idle. */
const AHEAD = 4;

export function openBatches(store: Store, options: BatchOptions): BatchRunner {
  const { worker, edge, secret, parallel, announced, lookMilliseconds, log, metrics } = options;
  const events = createEventStore(store);
  return createBatchRunner({
    batches: createBatchStore(store),
    answers: createAnswers(createAsk({ edge, secret, parallel, log }), createLimiter(parallel)),
    window: parallel * AHEAD,
    worker,
    log,
    metrics,
    announce: async (batch) => await announced(await announceBatch(events, batch, store.now())),
    now: store.now,
    times: { ...BATCH_TIMES, lookMilliseconds },
  });
}
