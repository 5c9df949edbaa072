/** Where jobs, and what is told of them, lie: a store that workers share. */
import { refusal } from '../../shared/api/problem.ts';
import { whileStoreWorks } from '../../shared/api/storeFailure.ts';
import type { Store } from '../../shared/store/store.ts';

/**
 * Does something with the store.
 * @param action what cannot be done where the store is out of order, such as `jobs cannot be read`
 * @throws FailureError `no_jobs` where workers do not share it, `store_unavailable`; what the work itself refuses
 */
export type InPlace = <T>(action: string, work: () => Promise<T>) => Promise<T>;

export const createInPlace =
  (store: Store, log: (line: string) => void): InPlace =>
  async (action, work) => {
    if (store.kind === 'memory') {
      const detail =
        'jobs need a store that edge and workers share: start both with FOURM_STORE=disk or s3';
      throw refusal('no_jobs', detail);
    }
    return await whileStoreWorks(log, action, work);
  };
