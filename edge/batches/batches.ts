/** Batches as the edge's routes use them. The store is the truth; workers are told. */
import { windowMilliseconds } from '../../shared/api/batches.ts';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { refusal } from '../../shared/api/problem.ts';
import { whileStoreWorks } from '../../shared/api/storeFailure.ts';
import {
  type BatchDocument,
  type BatchName,
  createBatch,
  isEnded,
  requestCancel,
} from '../../shared/batches/batch.ts';
import { createBatchStore } from '../../shared/batches/batchStore.ts';
import type { BatchState } from '../../shared/batches/view.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Config } from '../config.ts';
import { createJobQueueing } from '../jobs/queueing.ts';
import { createJobWorkers } from '../jobs/workers.ts';
import { sleep } from '../sleep.ts';
import { fileOf } from './files.ts';
import { type Received, receivePieces } from './receive.ts';

export interface BatchAsked {
  readonly tenant: string;
  readonly requestId: string;
  /** Id of the key that asks for it. */
  readonly key?: string | undefined;
  /** The addresses that its lines may ask; all of them when left out. */
  readonly urls: BatchDocument['urls'];
  readonly endpoint: BatchDocument['endpoint'];
  readonly window: string;
  readonly metadata?: BatchDocument['metadata'];
  readonly webhook: BatchDocument['webhook'];
  /** The upload that holds the lines, where no body does. */
  readonly upload?: string | undefined;
}

export interface BatchStates {
  readonly states: readonly BatchState[];
  readonly hasMore: boolean;
}

/** Every function throws FailureError `no_batches`, and `store_unavailable` where the store is out of order. */
export interface Batches {
  /**
   * Makes a batch of a file. It is in the store when this resolves, and goes on whatever becomes of this process.
   * @throws FailureError as `receivePieces`; `no_batches` where no worker can run any
   */
  submit(asked: BatchAsked, file: AsyncIterable<Uint8Array>): Promise<BatchState>;
  find(name: BatchName): Promise<BatchState | undefined>;
  page(tenant: string, limit: number, after: string | undefined): Promise<BatchStates>;
  /** The batch, which has stopped or is stopping; undefined where there is none. */
  cancel(name: BatchName): Promise<BatchState | undefined>;
  /** Each state that it comes to, the last of which is its end; ends as well when the signal aborts. */
  follow(name: BatchName, signal: AbortSignal): AsyncGenerator<BatchState, void, undefined>;
  /** The lines of one of its files. It breaks off where the store has lost one. */
  file(batch: BatchDocument, which: 'output' | 'errors'): ReadableStream<Uint8Array>;
}

/** Between two looks at a batch. */
const LOOK_MILLISECONDS = 1000;
/** Tries at a change that others make as well. */
const TRIES = 5;
/** A line is a body, and its frame besides. */
const FRAME_BYTES = 10_000;

export function createBatches(store: Store, config: Config, log: (line: string) => void): Batches {
  const batches = createBatchStore(store);
  const workers = createJobWorkers(config, log);
  const queueing = createJobQueueing(config, workers, log);

  async function guarded<T>(action: string, work: () => Promise<T>): Promise<T> {
    if (store.kind === 'memory') {
      const detail =
        'batches need a store that edge and workers share: start both with FOURM_STORE=disk or s3';
      throw refusal('no_batches', detail);
    }
    return await whileStoreWorks(log, `batches cannot be ${action}`, work);
  }

  async function stateOf(batch: BatchDocument): Promise<BatchState> {
    const counts = isEnded(batch) ? batch.counts : await batches.lease(batch);
    return { batch, counts: { completed: counts?.completed ?? 0, failed: counts?.failed ?? 0 } };
  }

  const find: Batches['find'] = (name) =>
    guarded('read', async () => {
      const batch = await batches.read(name);
      return batch && (await stateOf(batch));
    });

  async function receive(name: BatchName, file: AsyncIterator<Uint8Array>): Promise<Received> {
    await batches.open(name);
    try {
      return await receivePieces(batches, name, file, config.FOURM_MAX_BODY_BYTES + FRAME_BYTES);
    } catch (error) {
      // Pieces without a batch are nobody's. What cannot be removed now, a worker's sweep removes.
      await batches.clear(name).catch((left: unknown) => log(`${name.id} is left: ${left}`));
      throw error;
    }
  }

  return {
    find,
    submit: ({ tenant, requestId, key, urls, endpoint, window, metadata, webhook, upload }, file) =>
      guarded('kept', async () => {
        const name = { tenant, id: BATCH_IDS.create(store.now()) };
        const received = await receive(name, file[Symbol.asyncIterator]());
        const description = { ...name, ...received, window, request_id: requestId };
        const batch = createBatch(
          {
            ...description,
            ...(key !== undefined && { key }),
            ...(urls && { urls }),
            ...(endpoint && { endpoint }),
            ...(metadata && { metadata }),
            ...(webhook && { webhook }),
            ...(upload !== undefined && { upload }),
          },
          store.now(),
          windowMilliseconds(window),
        );
        if (!(await batches.write(batch))) throw new Error(`there is a batch ${name.id} already`);
        if ((await queueing.queue({ ...name, priority: 'batch' })) === 'told')
          return await stateOf(batch);
        await batches.remove(name);
        const detail =
          'no worker can run batches: start them with the FOURM_STORE of this edge, and its address as FOURM_EDGE';
        throw refusal('no_batches', detail);
      }),
    page: (tenant, limit, after) =>
      guarded('listed', async () => {
        const { documents, next } = await batches.page(tenant, { limit, after });
        return { states: await Promise.all(documents.map(stateOf)), hasMore: next !== undefined };
      }),
    cancel: (name) =>
      guarded('cancelled', async () => {
        for (let tries = 0; tries < TRIES; tries++) {
          const batch = await batches.read(name);
          const next = batch && requestCancel(batch, store.now());
          if (!next) return batch && (await stateOf(batch));
          if (!(await batches.write(next))) continue;
          await workers.cancel(name);
          return await stateOf(next);
        }
        throw new Error(`others change the batch ${name.id} again and again`);
      }),
    async *follow(name, signal) {
      while (!signal.aborted) {
        const state = await find(name);
        if (!state) return;
        yield state;
        if (isEnded(state.batch)) return;
        await sleep(LOOK_MILLISECONDS, signal);
      }
    },
    file: (batch, which) => fileOf(batches, batch, which, log),
  };
}
