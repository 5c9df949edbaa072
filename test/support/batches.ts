/** Batches over a store, whose lines are answered by the test. */

import { fileOf } from '../../edge/batches/files.ts';
import { receivePieces } from '../../edge/batches/receive.ts';
import type { BatchLine } from '../../shared/api/batches.ts';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { announceBatch } from '../../shared/batches/announce.ts';
import { type BatchDocument, type BatchName, createBatch } from '../../shared/batches/batch.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import type { Store } from '../../shared/store/store.ts';
import { createEventStore } from '../../shared/webhooks/eventStore.ts';
import type { Ask } from '../../worker/batches/ask.ts';
import type { BatchTimes } from '../../worker/batches/batchRun.ts';
import { type BatchRunner, createBatchRunner } from '../../worker/batches/runner.ts';

export const FAST_BATCHES: BatchTimes = {
  progressMilliseconds: 10,
  heartbeatMilliseconds: 40,
  leaseMilliseconds: 300,
};

/** Answers a line with what it asked. */
export const echo: Ask = async ({ body }, { requestId }) => {
  const answer = { echo: JSON.parse(Buffer.from(body).toString()) };
  return { status: 200, requestId, body: new TextEncoder().encode(JSON.stringify(answer)) };
};

export interface RunnerWish {
  readonly answers: Ask;
  readonly worker?: string;
  readonly window?: number;
  readonly now?: () => number;
  readonly times?: BatchTimes;
}

export function batchRunnerOver(
  store: Store,
  { answers, worker = 'w1', window = 8, now = Date.now, times = FAST_BATCHES }: RunnerWish,
): BatchRunner {
  const batches = createBatchStore(store);
  const events = createEventStore(store);
  return createBatchRunner({
    batches,
    answers,
    window,
    worker,
    log: () => {},
    now,
    times,
    announce: async (batch) => void (await announceBatch(events, batch, now())),
  });
}

/** A batch as the edge makes it. */
export async function makeBatch(
  store: Store,
  input: string,
  window = 60_000,
  now = Date.now(),
): Promise<BatchDocument> {
  const batches = createBatchStore(store);
  const name = { tenant: 'default', id: BATCH_IDS.create(now) };
  await batches.open(name);
  async function* chunks() {
    yield new TextEncoder().encode(input);
  }
  const received = await receivePieces(batches, name, chunks(), 1_000_000);
  const batch = createBatch({ ...name, ...received, window: '1m', request_id: 'r' }, now, window);
  await batches.write(batch);
  return batch;
}

/** The lines of one of its files, once it has ended. */
export async function fileLines(
  store: Store,
  name: BatchName,
  which: 'output' | 'errors',
): Promise<BatchLine[]> {
  const batches = createBatchStore(store);
  const batch = await batches.read(name);
  if (!batch) throw new Error('there is no such batch');
  const text = await new Response(fileOf(batches, batch, which, () => {})).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
