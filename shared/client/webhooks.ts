/** The client's part in webhooks: verifying one that has come, and looking at what was told. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { BatchWebhook, JobWebhook } from '../api/webhookPayload.ts';
import type { DeliveriesResponse, Delivery, WebhookSecret } from '../api/webhooks.ts';
import { type Distrust, distrustOf, TOLERANCE_SECONDS } from '../webhooks/signature.ts';
import type { Call, CallOptions } from './call.ts';

const REASONS: Readonly<Record<Distrust | 'invalid_body', string>> = {
  headers_missing: 'webhook-id, webhook-timestamp or webhook-signature is missing or malformed',
  too_old: `the webhook was sent more than ${TOLERANCE_SECONDS} seconds ago`,
  too_new: `the webhook was sent more than ${TOLERANCE_SECONDS} seconds in the future`,
  no_signature_matches: 'no signature of the webhook fits its body and the secret',
  invalid_body: 'the body of the webhook is not JSON',
};

/** A webhook that is not to be trusted. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  readonly reason: keyof typeof REASONS;
  constructor(reason: keyof typeof REASONS) {
    super(REASONS[reason]);
    this.reason = reason;
  }
}

/** Headers as `fetch` and servers have them: by names in any case, or as `Headers`. */
export type HeadersLike =
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Also those of another realm, such as a library's or a test's. */
const isHeaders = (headers: HeadersLike): headers is Headers => typeof headers.get === 'function';

function headerOf(headers: HeadersLike, name: string): string | undefined {
  if (isHeaders(headers)) return headers.get(name) ?? undefined;
  const [, value] = Object.entries(headers).find(([own]) => own.toLowerCase() === name) ?? [];
  return typeof value === 'string' ? value : value?.join(' ');
}

export interface VerifyOptions {
  /** Unix seconds; the present when left out. */
  readonly now?: number;
}

/**
 * The event that a webhook tells, once it is sure that it comes from the server and is not one of earlier. The same
 * event may come more than once: its `webhook-id` is the same then.
 * @param body as it has come: JSON that was parsed and written again has other bytes
 * @param secret `whsec_...`, as `client.webhooks.secret()` answers it
 * @throws WebhookError for what is not to be trusted; Error where the secret is none
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: HeadersLike,
  secret: string,
  { now = Date.now() / 1000 }: VerifyOptions = {},
): Promise<JobWebhook | BatchWebhook> {
  const reason = await distrustOf(body, (name) => headerOf(headers, name), secret, now);
  if (reason) throw new WebhookError(reason);
  try {
    const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
    return JSON.parse(text) as JobWebhook | BatchWebhook;
  } catch {
    throw new WebhookError('invalid_body');
  }
}

/** Every method throws as `Client.generate` does. */
export interface WebhookMethods {
  /** `GET /v1/webhook-secret` */
  secret(options?: CallOptions): Promise<WebhookSecret>;
  /** `POST /v1/webhook-secret/rotate`: the secret before signs as well for 24 hours. */
  rotate(options?: CallOptions): Promise<WebhookSecret>;
  /** `GET /v1/jobs/{id}/deliveries`, or that of a batch. */
  deliveries(id: string, options?: CallOptions): Promise<readonly Delivery[]>;
  /** `POST /v1/jobs/{id}/deliveries/{event}/redeliver`, or that of a batch. */
  redeliver(id: string, event: string, options?: CallOptions): Promise<Delivery>;
}

/** Jobs and batches are told apart by their ids. */
const isBatch = (id: string): boolean => id.startsWith('batch_');

export function webhookMethods(call: Call): WebhookMethods {
  const A = ADDRESSES;
  return {
    secret: (options) => call(A.webhookSecret, options),
    rotate: (options) => call(A.rotateWebhookSecret, { ...options, once: true }),
    async deliveries(id, options) {
      const { method, path } = isBatch(id) ? A.batchDeliveries : A.jobDeliveries;
      const address = { method, path: fillPath(path, { id }) };
      return (await call<DeliveriesResponse>(address, options)).deliveries;
    },
    redeliver(id, event, options) {
      const { method, path } = isBatch(id) ? A.redeliverBatchEvent : A.redeliverJobEvent;
      return call({ method, path: fillPath(path, { id, event }) }, { ...options, once: true });
    },
  };
}
