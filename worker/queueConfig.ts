/** Settings of the queues that jobs and deliveries of webhooks are taken from: the same names as the edge's. */
import * as z from 'zod';
import { present } from '../shared/lookup.ts';
import { createInProcessQueues } from '../shared/queue/inProcessQueues.ts';
import type { Queues } from '../shared/queue/queue.ts';
import type { Log } from './log.ts';
import { optional } from './storeConfig.ts';

/** See FOURM_CANCEL_LOOK_MILLISECONDS. */
export const LOOK_MILLISECONDS = 250;

export const queueFields = {
  /** Where jobs wait: process (an edge tells its workers of them) or sqs (workers fetch them by themselves). */
  FOURM_QUEUE: z.enum(['process', 'sqs']).default('process'),
  /** Seconds that a message is hidden from other workers, unless the work on it extends them. */
  FOURM_QUEUE_VISIBILITY_SECONDS: z.coerce.number().int().min(1).max(43_200).default(30),
  /** Seconds between two looks for jobs whose messages are lost, and the age from which they are missed. */
  FOURM_SWEEP_SECONDS: z.coerce.number().int().min(1).max(86_400).default(60),
  /** Milliseconds between two looks whether a job that runs was canceled; with sqs, whose workers nobody tells. */
  FOURM_CANCEL_LOOK_MILLISECONDS: z.coerce
    .number()
    .int()
    .min(20)
    .max(60_000)
    .default(LOOK_MILLISECONDS),
  /** Absent for AWS itself. */
  SQS_ENDPOINT: optional,
  SQS_REGION: z.string().default('us-east-1'),
  /** Absent, with the secret, for those of the machine: its role, or what the AWS SDK finds. */
  SQS_ACCESS_KEY_ID: optional,
  SQS_SECRET_ACCESS_KEY: optional,
  /** Jobs that somebody waits for (`Prefer: wait=N`). */
  SQS_QUEUE_URL_INTERACTIVE: optional,
  /** Jobs that nobody waits for. */
  SQS_QUEUE_URL_BATCH: optional,
  /** Deliveries of webhooks. */
  SQS_QUEUE_URL_WEBHOOKS: optional,
  /** Messages that nobody can handle: the others' dead-letter queue. */
  SQS_QUEUE_URL_DEAD: optional,
};

const queueSchema = z.object(queueFields);
type QueueSettings = z.output<typeof queueSchema>;

/** Opens the queues when they are needed: the AWS SDK takes a while to load. */
export type OpenQueues = (log: Log) => Promise<Queues>;

const URLS = [
  'SQS_QUEUE_URL_INTERACTIVE',
  'SQS_QUEUE_URL_BATCH',
  'SQS_QUEUE_URL_WEBHOOKS',
  'SQS_QUEUE_URL_DEAD',
] as const;

/** What is missing or does not fit together, as messages. */
export function queueProblems(
  settings: QueueSettings & { readonly FOURM_STORE: string },
): string[] {
  if (settings.FOURM_QUEUE !== 'sqs') return [];
  const absent = URLS.filter((name) => settings[name] === undefined);
  const { SQS_ACCESS_KEY_ID: id, SQS_SECRET_ACCESS_KEY: secret, FOURM_STORE: store } = settings;
  return [
    ...absent.map((name) => `${name}: is needed with FOURM_QUEUE=sqs`),
    ...((id === undefined) === (secret === undefined)
      ? []
      : ['SQS_ACCESS_KEY_ID, SQS_SECRET_ACCESS_KEY: one is of no use without the other']),
    ...(store === 'disk' || store === 's3'
      ? []
      : ['FOURM_QUEUE: sqs needs FOURM_STORE=disk or s3, where the jobs lie that are queued']),
  ];
}

/** @throws Error naming a variable that is missing */
export function queuesOf(settings: QueueSettings): OpenQueues {
  const visibilitySeconds = settings.FOURM_QUEUE_VISIBILITY_SECONDS;
  if (settings.FOURM_QUEUE === 'process')
    return async (log) =>
      createInProcessQueues(visibilitySeconds, (body, reason) =>
        log({ event: 'dead_letter', message: `a message was given up: ${reason}`, body }),
      );
  const urls = URLS.map((name) => present(settings[name], name));
  const [interactive = '', batch = '', webhooks = '', deadUrl = ''] = urls;
  const { SQS_ENDPOINT: endpoint, SQS_REGION: region } = settings;
  const { SQS_ACCESS_KEY_ID: accessKeyId, SQS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  return async () => {
    const { createSqsClient, createSqsQueue } = await import('../shared/queue/sqs.ts');
    const client = createSqsClient({
      endpoint,
      region,
      ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
    });
    const queue = (url: string) => createSqsQueue(client, { url, deadUrl, visibilitySeconds });
    return {
      interactive: queue(interactive),
      batch: queue(batch),
      webhooks: queue(webhooks),
      dead: queue(deadUrl),
    };
  };
}
