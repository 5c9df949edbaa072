/** What routes of uploads share: what callers are told when the store is out of order. */
import { whileStoreWorks } from '../../shared/api/storeFailure.ts';

/** @throws FailureError `store_unavailable` where the store is out of order */
export const withUploads = <T>(
  { log }: { readonly log: (line: string) => void },
  action: 'kept' | 'read' | 'deleted',
  work: () => Promise<T>,
): Promise<T> => whileStoreWorks(log, `uploads and files cannot be ${action}`, work);
