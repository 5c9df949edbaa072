/** A scheduler in name only: whoever joins is answered by one function. */
import type { Scheduler } from '../../worker/batching/scheduler.ts';
import type { RunRequests } from '../../worker/engine/forward.ts';

export const answeredBy = (run: RunRequests): Pick<Scheduler, 'join'> => ({
  join: () => ({
    run,
    features: () => Promise.reject(new Error('nothing here gives features')),
    leave: () => {},
  }),
});
