/** What a request says of its run, which is its caller's own: how long it may take, and who is told of it. */
import type { RunFields } from '../../shared/api/runFields.ts';
import { JOB_ENDS } from '../../shared/api/webhookEvents.ts';
import type { Services } from '../services.ts';
import { webhookOf } from '../webhookOf.ts';
import type { Wish } from './task.ts';

/** @throws FailureError where the address of a webhook is refused */
export const runOf = (
  request: RunFields,
  services: Pick<Services, 'config'>,
): Pick<Wish, 'isDryRun' | 'deadlineMs' | 'webhook'> => ({
  isDryRun: request.dry_run === true,
  deadlineMs: request.deadline_ms,
  webhook: webhookOf(request, JOB_ENDS, services.config),
});
