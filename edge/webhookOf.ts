/** Who is told of work, as its request says it. */
import { pointerTo } from '../shared/api/pointer.ts';
import { refusal } from '../shared/api/problem.ts';
import type { WebhookEventType } from '../shared/api/webhookEvents.ts';
import type { Webhook } from '../shared/api/webhooks.ts';
import { assertAddress } from './address.ts';
import type { Config } from './config.ts';

interface Asked {
  readonly webhook?: string | undefined;
  readonly webhook_events_filter?: readonly WebhookEventType[] | undefined;
}

/**
 * @param all what is told where the request does not choose
 * @throws FailureError `invalid_address`, `insecure_address`, `forbidden_address`, `invalid_request`
 */
export function webhookOf(
  { webhook: url, webhook_events_filter: events }: Asked,
  all: readonly WebhookEventType[],
  config: Config,
): Webhook | undefined {
  if (url === undefined) {
    if (events === undefined) return undefined;
    const detail = 'webhook_events_filter says what a webhook is told of, and there is none';
    throw refusal('invalid_request', detail, pointerTo('webhook_events_filter'));
  }
  assertAddress(url, config, pointerTo('webhook'));
  return { url, events: [...new Set(events ?? all)] };
}
