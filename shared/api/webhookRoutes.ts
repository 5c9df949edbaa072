/** Routes of the route table about webhooks. */
import { ADDRESSES } from './addresses.ts';
import { jobIdSchema } from './jobs.ts';
import type { Route } from './route.ts';
import {
  deliveriesResponseSchema,
  deliverySchema,
  eventIdSchema,
  webhookSecretSchema,
} from './webhooks.ts';

const JOB = { name: 'id', description: 'Id of the job', schema: jobIdSchema };
const EVENT = { name: 'event', description: 'Id of the delivery', schema: eventIdSchema };
const PLACE_PROBLEMS = ['no_jobs', 'store_unavailable'] as const;

export const WEBHOOK_ROUTES = {
  jobDeliveries: {
    id: 'jobDeliveries',
    ...ADDRESSES.jobDeliveries,
    tag: 'webhooks',
    summary: "What a job's webhook was told, and every attempt at it",
    parameters: [JOB],
    response: { 'application/json': deliveriesResponseSchema },
    problems: ['unknown_job', ...PLACE_PROBLEMS],
  },
  redeliverJobEvent: {
    id: 'redeliverJobEvent',
    ...ADDRESSES.redeliverJobEvent,
    tag: 'webhooks',
    summary: "Tell a job's webhook again",
    description:
      'The event is sent at once, with the id that it had, and again by the whole schedule where that fails. Where ' +
      'its address was disabled (410), it is told of later events again once it has accepted this one. One that is ' +
      'being delivered stays as it is.',
    parameters: [JOB, EVENT],
    response: { 'application/json': deliverySchema },
    problems: ['unknown_job', 'unknown_delivery', ...PLACE_PROBLEMS],
  },
  webhookSecret: {
    id: 'webhookSecret',
    ...ADDRESSES.webhookSecret,
    tag: 'webhooks',
    summary: 'The secret that signs webhooks',
    description: 'It is made when it is first asked for, or first needed.',
    response: { 'application/json': webhookSecretSchema },
    problems: [...PLACE_PROBLEMS],
  },
  rotateWebhookSecret: {
    id: 'rotateWebhookSecret',
    ...ADDRESSES.rotateWebhookSecret,
    tag: 'webhooks',
    summary: 'Put a new secret in the place of the one that signs webhooks',
    description: 'For 24 hours each webhook carries the signatures of both.',
    response: { 'application/json': webhookSecretSchema },
    problems: [...PLACE_PROBLEMS],
  },
} as const satisfies Record<string, Route>;
