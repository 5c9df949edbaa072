/** Bounds of batches, for pages and clients as well: without schemas. */

/** Lines of a batch at most, and bytes of all of them. */
export const MOST_LINES = 50_000;
export const MOST_BATCH_BYTES = 200_000_000;
