/** Webhooks as callers ask for them and see them: fields of requests, deliveries, the secret. */
import * as z from 'zod';
import { JOB_EVENTS, WEBHOOK_EVENTS } from './webhookEvents.ts';

export const MOST_ADDRESS_CHARACTERS = 2048;

/** What a request says of webhooks; the edge checks where the address leads. */
export const webhookFields = <T extends string>(events: readonly [T, ...T[]]) => ({
  webhook: z
    .string()
    .min(1)
    .max(MOST_ADDRESS_CHARACTERS)
    .optional()
    .describe('Address that is told when the work has ended, where it becomes a job (`Prefer`)'),
  webhook_events_filter: z
    .array(z.enum(events))
    .min(1)
    .max(events.length)
    .optional()
    .describe('What the address is told of; every end when absent'),
});
export const jobWebhookFields = webhookFields(JOB_EVENTS);

/** Who is told of what, as documents hold it. */
export const webhookSchema = z.object({
  url: z.string(),
  events: z.array(z.enum(WEBHOOK_EVENTS)),
});
export type Webhook = z.infer<typeof webhookSchema>;

/** `waiting` for its next attempt, `delivering` right now, `delivered`, or `failed` for good. */
export const DELIVERY_STATUSES = ['waiting', 'delivering', 'delivered', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

const time = z.string().describe('Time, as RFC 3339 writes it');
const eventIdPattern = /^msg_[0-9a-f]{32}$/;
export const isEventId = (id: string): boolean => eventIdPattern.test(id);
export const eventIdSchema = z
  .string()
  .regex(eventIdPattern)
  .describe('Id of an event, which `webhook-id` names');

export const deliveryAttemptSchema = z
  .object({
    at: time.describe('When it began'),
    manual: z.boolean().describe('Whether somebody asked for it'),
    status: z.number().int().optional().describe('What the receiver answered'),
    error: z.string().optional().describe('Why there was no answer, or why it was no success'),
    duration_ms: z.number().int().optional().describe('How long it took'),
  })
  .meta({ id: 'DeliveryAttempt', description: 'One request to the receiver' });

export const deliverySchema = z
  .object({
    id: z.string().describe('Id of the event: `webhook-id` of every attempt'),
    type: z.enum(WEBHOOK_EVENTS).describe('What has happened'),
    url: z.string().describe('Who is told'),
    status: z.enum(DELIVERY_STATUSES).describe('Whether it has arrived'),
    created_at: time.describe('When it happened'),
    next_attempt_at: time.optional().describe('When it is tried next, of one that waits'),
    attempts: z.array(deliveryAttemptSchema).describe('The oldest first; the last 50 are kept'),
    detail: z.string().optional().describe('Why it is not tried any more'),
  })
  .meta({ id: 'Delivery', description: 'An event of a webhook, and how far it has come' });
export type Delivery = z.infer<typeof deliverySchema>;

export const deliveriesResponseSchema = z
  .object({ deliveries: z.array(deliverySchema).describe('The oldest first') })
  .meta({ id: 'DeliveriesResponse', description: 'Everything that webhooks were to tell' });
export type DeliveriesResponse = z.infer<typeof deliveriesResponseSchema>;

export const webhookSecretSchema = z
  .object({
    secret: z.string().describe('`whsec_` and base64: verifies `webhook-signature`'),
    created_at: time.describe('Since when it signs'),
    previous: z
      .array(z.object({ expires_at: time.describe('Until when it signs as well') }))
      .describe('Secrets before it that still sign'),
  })
  .meta({ id: 'WebhookSecret', description: 'The secret that signs webhooks' });
export type WebhookSecret = z.infer<typeof webhookSecretSchema>;
