/** What a request says of its run, which is its caller's own: how long it may take, and who is told of it. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { RunFields } from '../../shared/api/runFields.ts';
import { JOB_ENDS } from '../../shared/api/webhookEvents.ts';
import type { Webhook } from '../../shared/api/webhooks.ts';
import { assertAddress } from '../address.ts';
import type { Services } from '../services.ts';
import type { Wish } from './task.ts';

/** @throws FailureError `invalid_address`, `insecure_address`, `forbidden_address`, `invalid_request` */
function webhookOf(request: RunFields, { config }: Pick<Services, 'config'>): Webhook | undefined {
  const { webhook: url, webhook_events_filter: events } = request;
  if (url === undefined) {
    if (events === undefined) return undefined;
    const detail = 'webhook_events_filter says what a webhook is told of, and there is none';
    throw refusal('invalid_request', detail, pointerTo('webhook_events_filter'));
  }
  assertAddress(url, config, pointerTo('webhook'));
  return { url, events: [...new Set(events ?? JOB_ENDS)] };
}

/** @throws FailureError where the address of a webhook is refused */
export const runOf = (
  request: RunFields,
  services: Pick<Services, 'config'>,
): Pick<Wish, 'isDryRun' | 'deadlineMs' | 'webhook'> => ({
  isDryRun: request.dry_run === true,
  deadlineMs: request.deadline_ms,
  webhook: webhookOf(request, services),
});
