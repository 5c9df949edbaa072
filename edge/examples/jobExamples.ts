/** Examples of operations with jobs and batches, and of being told of them. */
import type { Example } from './example.ts';

const JOB = { id: 'JOB_ID' };
const BATCH = { id: 'BATCH_ID' };
const REQUESTS = {
  name: 'requests.jsonl',
  type: 'application/x-ndjson',
  text: [
    '{"custom_id": "a", "method": "POST", "url": "/v1/embed", "body": {"inputs": {"caption": "a cone"}, "target": "scene_global"}}',
    '{"custom_id": "b", "method": "POST", "url": "/v1/tokenize", "body": {"inputs": {"caption": "a red sphere"}}}',
    '',
  ].join('\n'),
};

export const JOB_EXAMPLES = {
  jobs: [{ query: { limit: '5' }, client: () => 'client.jobs.list({ limit: 5 })' }],
  job: [{ path: JOB, client: ({ path }) => `client.jobs.get(${path('id')})` }],
  cancelJob: [{ path: JOB }],
  jobEvents: [
    {
      path: JOB,
      answer: 'events',
      client: ({ path }) => `(await client.jobs.get(${path('id')})).events()`,
    },
  ],
  createBatch: [{ file: REQUESTS, client: ({ file }) => `client.batches.create(${file})` }],
  batches: [{ query: { limit: '5' }, client: () => 'client.batches.list({ limit: 5 })' }],
  batch: [{ path: BATCH, client: ({ path }) => `client.batches.get(${path('id')})` }],
  cancelBatch: [{ path: BATCH, client: ({ path }) => `client.batches.cancel(${path('id')})` }],
  batchOutput: [
    {
      path: BATCH,
      answer: 'text',
      client: ({ path }) => `client.batches.output(${path('id')})`,
    },
  ],
  batchErrors: [
    {
      path: BATCH,
      answer: 'text',
      client: ({ path }) => `client.batches.errors(${path('id')})`,
    },
  ],
  batchEvents: [{ path: BATCH, answer: 'events' }],
  batchDeliveries: [{ path: BATCH }],
  redeliverBatchEvent: [{ path: { ...BATCH, event: 'EVENT_ID' } }],
  jobDeliveries: [{ path: JOB, client: ({ path }) => `client.webhooks.deliveries(${path('id')})` }],
  redeliverJobEvent: [
    {
      path: { ...JOB, event: 'EVENT_ID' },
      client: ({ path }) => `client.webhooks.redeliver(${path('id')}, ${path('event')})`,
    },
  ],
  webhookSecret: [{ client: () => 'client.webhooks.secret()' }],
  rotateWebhookSecret: [{ client: () => 'client.webhooks.rotate()' }],
} as const satisfies Record<string, readonly Example[]>;
