/** What callers are told when the store is out of order. */
import { FailureError, refusal } from './problem.ts';

/** @param action what cannot be done, such as `heads cannot be read` */
export const storeFailure = (action: string, cause: unknown): FailureError =>
  refusal('store_unavailable', `the store is out of order, so ${action} now`, undefined, {
    cause,
    retryAfterSeconds: 5,
  });

/**
 * Does something with the store, and tells the operator what it throws.
 * @param log one line for the operator
 * @param action as of `storeFailure`
 * @throws FailureError `store_unavailable`; what the work itself refuses
 */
export async function whileStoreWorks<T>(
  log: (line: string) => void,
  action: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FailureError) throw cause;
    log(`${action}: ${cause instanceof Error ? cause.message : cause}`);
    throw storeFailure(action, cause);
  }
}
