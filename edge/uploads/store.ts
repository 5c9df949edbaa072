/** What routes of uploads share: what callers are told when the store is out of order. */
import { FailureError, refusal } from '../../shared/api/problem.ts';

/** @throws FailureError `store_unavailable` where the store is out of order */
export async function whileStoreWorks<T>(
  { log }: { readonly log: (line: string) => void },
  action: 'kept' | 'read' | 'deleted',
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FailureError) throw cause;
    log(`uploads cannot be ${action}: ${cause instanceof Error ? cause.message : cause}`);
    const detail = `the store is out of order, so uploads and files cannot be ${action} now`;
    throw refusal('store_unavailable', detail, undefined, { cause, retryAfterSeconds: 5 });
  }
}
