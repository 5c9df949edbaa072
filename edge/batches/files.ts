/** A file of a batch, put together from its pieces' parts while it is read: one part is held at a time. */
import type { BatchDocument } from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';

/** @throws Error where the store has lost what a record names, or the record of a piece */
async function* partsOf(
  batches: BatchStore,
  batch: BatchDocument,
  which: 'output' | 'errors',
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (const piece of batch.pieces.keys()) {
    const record = await batches.record(batch, piece);
    // A batch that failed may have come to an end without all of its pieces.
    if (!record && batch.status === 'failed') continue;
    if (!record) throw new Error(`the store has lost what became of piece ${piece}`);
    for (const hash of record[which]) {
      const part = await batches.part(batch, piece, hash);
      if (!part) throw new Error(`the store has lost a part of piece ${piece}`);
      yield part;
    }
  }
}

/** The bytes; the stream fails where they are not all there, so that nobody takes a part for the whole. */
export function fileOf(
  batches: BatchStore,
  batch: BatchDocument,
  which: 'output' | 'errors',
  log: (line: string) => void,
): ReadableStream<Uint8Array> {
  const parts = partsOf(batches, batch, which);
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          log(`the ${which} of ${batch.id} cannot be read: ${error}`);
          controller.error(error);
        }
      },
      async cancel() {
        await parts.return();
      },
    },
    { highWaterMark: 0 },
  );
}
