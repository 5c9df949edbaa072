/**
 * A run that finds no memory is repeated with fewer rows: what many callers ask for together fits one by one.
 * Rows are independent of each other, so the results are the same.
 */
import { SessionError } from './types.ts';

/**
 * How onnxruntime says so: its own allocator on a processor and on a card, and the libraries behind it.
 * https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/framework/bfc_arena.cc
 */
const OUT_OF_MEMORY =
  /failed to allocate memory|bad_alloc|bad allocation|out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED/i;

/** True for a run that failed as it found no memory. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof SessionError && OUT_OF_MEMORY.test(error.message);

/**
 * Runs all rows at once, or in halves where there is no memory for all, down to a single one.
 * @param run one run, which answers each of its rows
 * @returns the answers in the order of the rows
 * @throws what a run throws, for a single row also where it finds no memory
 */
export async function runInParts<Row, Answer>(
  rows: readonly Row[],
  run: (rows: readonly Row[]) => Promise<readonly Answer[]>,
): Promise<Answer[]> {
  try {
    return [...(await run(rows))];
  } catch (error) {
    if (rows.length < 2 || !isOutOfMemory(error)) throw error;
  }
  const half = Math.ceil(rows.length / 2);
  const first = await runInParts(rows.slice(0, half), run);
  return [...first, ...(await runInParts(rows.slice(half), run))];
}
