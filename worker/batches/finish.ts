/** What follows from a batch's end, in an order in which a crash loses nothing. */
import type { BatchDocument } from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';

export interface EndedBatches {
  readonly batches: BatchStore;
  /** Tells whoever wanted to be told of a batch that has ended. */
  readonly announce: (batch: BatchDocument) => Promise<void>;
}

/**
 * Announces the end, then removes what the batch needed, by which it would be found again.
 * @throws what the store throws; then it has to be called again
 */
export async function finishBatch(
  { batches, announce }: EndedBatches,
  batch: BatchDocument,
): Promise<void> {
  await announce(batch);
  await batches.clear(batch);
}
