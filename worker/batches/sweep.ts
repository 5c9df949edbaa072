/** Finds batches that have not ended, whatever became of the queue and of the workers that had them. */
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { type BatchName, isEnded } from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';
import { type EndedBatches, finishBatch } from './finish.ts';

export interface SweepOptions {
  /** Told of batches that have not ended and that no worker has, the oldest first. */
  readonly found: (name: BatchName) => Promise<void>;
  /** Whether to tell of one that has waited for so many milliseconds. */
  readonly isDue: (age: number) => boolean;
}

export interface SweptBatches {
  readonly batches: BatchStore;
  /** Who looks: what this worker holds itself is found. Absent for who holds nothing. */
  readonly worker?: string | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Pieces whose batch was never written are removed after this time, which is longer than any upload takes. */
const ORPHAN_MILLISECONDS = 8 * 3_600_000;

/** Until when another worker is believed to be at a batch, in unix milliseconds; 0 where none is. */
export async function heldUntil(
  { batches, worker }: SweptBatches,
  name: BatchName,
  holder: { readonly worker: string; readonly until: number } | undefined,
): Promise<number> {
  if (!holder || holder.worker === worker) return 0;
  const lease = await batches.lease(name);
  return Math.max(holder.until, lease?.worker === holder.worker ? lease.until : 0);
}

/** @returns batches that have not ended. @throws what the store throws */
export async function sweepBatches(
  services: SweptBatches & EndedBatches,
  { found, isDue }: SweepOptions,
  signal: AbortSignal,
): Promise<number> {
  const { batches, now } = services;
  const names: BatchName[] = [];
  for await (const name of batches.opened()) names.push(name);
  let open = 0;
  // Ids name the newest batch first, and the oldest has waited longest.
  for (const name of names.reverse()) {
    if (signal.aborted) break;
    const batch = await batches.read(name);
    if (batch && !isEnded(batch)) {
      open++;
      const isHeld = (await heldUntil(services, name, batch.holder)) > now();
      if (!isHeld && isDue(now() - batch.updated)) await found(name);
    } else if (batch) await finishBatch(services, batch);
    else if (now() - BATCH_IDS.timeOf(name.id) > ORPHAN_MILLISECONDS) await batches.clear(name);
  }
  return open;
}
