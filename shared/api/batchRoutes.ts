/** Routes of the route table about batches. */
import { ADDRESSES } from './addresses.ts';
import {
  batchesPageSchema,
  batchesResponseSchema,
  batchIdSchema,
  batchSchema,
  batchWebhookFields,
  completionWindowSchema,
  createBatchRequestSchema,
  endpointSchema,
} from './batches.ts';
import { MOST_BATCH_BYTES, MOST_LINES } from './batchLimits.ts';
import { problemSchema } from './problemSchema.ts';
import type { Route } from './route.ts';
import { ADDRESS_PROBLEMS, BODY_PROBLEMS } from './routeProblems.ts';
import { deliveriesResponseSchema, deliverySchema, eventIdSchema } from './webhooks.ts';

const ID = [{ name: 'id', description: 'Id of the batch', schema: batchIdSchema }];
const PLACE_PROBLEMS = ['no_batches', 'store_unavailable'] as const;
const BATCH_PROBLEMS = ['unknown_batch', ...PLACE_PROBLEMS] as const;

const LINES = {
  'application/x-ndjson': {
    description: 'A line for each answer, in the order of the input',
    text: true,
  },
} as const;
const FILE_PROBLEMS = ['batch_unfinished', ...BATCH_PROBLEMS] as const;

export const BATCH_ROUTES = {
  createBatch: {
    id: 'createBatch',
    ...ADDRESSES.createBatch,
    tag: 'batches',
    summary: 'Ask for many things at once',
    description:
      `A file of at most ${MOST_LINES} lines and ${MOST_BATCH_BYTES} bytes: the body, or an upload that its JSON names. Each line is a request as JSON: ` +
      '`custom_id` (any text that tells it from the others), `method` (`POST`), `url` and `body`. Lines are worked ' +
      'on behind everything that somebody waits for. A line that is wrong is an error of its own, and the others go on.',
    query: [
      { name: 'endpoint', description: endpointSchema.description ?? '', schema: endpointSchema },
      {
        name: 'completion_window',
        description: completionWindowSchema.description ?? '',
        schema: completionWindowSchema,
      },
      {
        name: 'webhook',
        description: batchWebhookFields.webhook.description ?? '',
        schema: batchWebhookFields.webhook,
      },
    ],
    request: {
      json: createBatchRequestSchema,
      files: { 'application/x-ndjson': 'A request a line', 'application/jsonl': 'The same' },
    },
    response: { 'application/json': batchSchema },
    problems: [
      ...BODY_PROBLEMS,
      'too_many_lines',
      'overloaded',
      'unknown_upload',
      'upload_waiting',
      ...ADDRESS_PROBLEMS,
      ...PLACE_PROBLEMS,
    ],
  },
  batches: {
    id: 'batches',
    ...ADDRESSES.batches,
    tag: 'batches',
    summary: 'Batches, the newest first',
    query: [
      { name: 'limit', description: 'Batches of a page', schema: batchesPageSchema },
      {
        name: 'after',
        description: '`last_id` of the page before',
        schema: batchIdSchema.optional(),
      },
    ],
    response: { 'application/json': batchesResponseSchema },
    problems: ['invalid_request', ...PLACE_PROBLEMS],
  },
  batch: {
    id: 'batch',
    ...ADDRESSES.batch,
    tag: 'batches',
    summary: 'How far a batch has come',
    parameters: ID,
    response: { 'application/json': batchSchema },
    problems: [...BATCH_PROBLEMS],
  },
  cancelBatch: {
    id: 'cancelBatch',
    ...ADDRESSES.cancelBatch,
    tag: 'batches',
    summary: 'Cancel a batch',
    description:
      'It is `cancelling` until its lines have stopped, each within one decoding step. Lines that were done are in its ' +
      'output, and the others in its error file with the code `batch_cancelled`. A batch that has ended stays as it is.',
    parameters: ID,
    response: { 'application/json': batchSchema },
    problems: [...BATCH_PROBLEMS],
  },
  batchOutput: {
    id: 'batchOutput',
    ...ADDRESSES.batchOutput,
    tag: 'batches',
    summary: 'Answers of the lines that were done',
    description:
      'Lines `{id, custom_id, response: {status_code, request_id, body}, error: null}` in the order of the input, once ' +
      'the batch has ended.',
    parameters: ID,
    response: LINES,
    problems: [...FILE_PROBLEMS],
  },
  batchErrors: {
    id: 'batchErrors',
    ...ADDRESSES.batchErrors,
    tag: 'batches',
    summary: 'What became of the lines that were not',
    description:
      'Lines as of the output, whose `response` is a problem; or null, and `error` says `code`, `message` and `line`, ' +
      'where a line was no request or was not tried.',
    parameters: ID,
    response: LINES,
    problems: [...FILE_PROBLEMS],
  },
  batchEvents: {
    id: 'batchEvents',
    ...ADDRESSES.batchEvents,
    tag: 'batches',
    summary: 'The progress of a batch',
    description:
      'The event `progress` with the batch whenever it has come further, and `end` when it has ended. Each has an id; ' +
      'a connection that is taken up with `Last-Event-ID` is told what has changed since.',
    parameters: ID,
    response: {
      'text/event-stream': {
        description: 'Server-sent events: progress with each change, then end',
        text: true,
        events: { progress: batchSchema, end: batchSchema, problem: problemSchema },
      },
    },
    problems: [...BATCH_PROBLEMS],
  },
  batchDeliveries: {
    id: 'batchDeliveries',
    ...ADDRESSES.batchDeliveries,
    tag: 'webhooks',
    summary: "What a batch's webhook was told, and every attempt at it",
    parameters: ID,
    response: { 'application/json': deliveriesResponseSchema },
    problems: ['no_jobs', ...BATCH_PROBLEMS],
  },
  redeliverBatchEvent: {
    id: 'redeliverBatchEvent',
    ...ADDRESSES.redeliverBatchEvent,
    tag: 'webhooks',
    summary: "Tell a batch's webhook again",
    description: "As a job's webhook is told again.",
    parameters: [
      ...ID,
      { name: 'event', description: 'Id of the delivery', schema: eventIdSchema },
    ],
    response: { 'application/json': deliverySchema },
    problems: ['no_jobs', 'unknown_delivery', ...BATCH_PROBLEMS],
  },
} as const satisfies Record<string, Route>;
