/**
 * `npm run queues:create -- PREFIX`: makes the queues of a fleet, or brings those that are there to these settings, and
 * prints the environment of its edges and workers. Where the queues lie is said by SQS_ENDPOINT (absent for AWS) and
 * SQS_REGION, and who makes them by SQS_ACCESS_KEY_ID and SQS_SECRET_ACCESS_KEY, or by what the AWS SDK finds.
 */

import { pathToFileURL } from 'node:url';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueNameExists,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { present } from '../shared/lookup.ts';
import { createSqsClient } from '../shared/queue/sqs.ts';

const DAY_SECONDS = 86_400;
/**
 * More than a worker's own bound (`MOST_DELIVERIES`), which tells a job what became of it: what SQS gives up by itself
 * is read by the workers' next look at the dead letters.
 */
const MOST_DELIVERIES = 20;
const KEPT = {
  // The longest that SQS keeps anything: a job has a deadline of its own.
  MessageRetentionPeriod: String(14 * DAY_SECONDS),
  ReceiveMessageWaitTimeSeconds: '20',
};

export interface MadeQueues {
  readonly SQS_QUEUE_URL_INTERACTIVE: string;
  readonly SQS_QUEUE_URL_BATCH: string;
  readonly SQS_QUEUE_URL_WEBHOOKS: string;
  readonly SQS_QUEUE_URL_DEAD: string;
}

async function make(
  client: SQSClient,
  QueueName: string,
  Attributes: Record<string, string>,
): Promise<string> {
  try {
    const made = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
    return present(made.QueueUrl, `the address of ${QueueName}`);
  } catch (error) {
    // It is there, with other settings.
    if (!(error instanceof QueueNameExists)) throw error;
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName }));
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    return present(QueueUrl, `the address of ${QueueName}`);
  }
}

/** @throws what the AWS SDK throws */
export async function createQueues(client: SQSClient, prefix: string): Promise<MadeQueues> {
  const dead = await make(client, `${prefix}-dead`, KEPT);
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] }),
  );
  const deadLetterTargetArn = present(Attributes?.QueueArn, 'the name of the dead-letter queue');
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: MOST_DELIVERIES });
  const queue = (name: string): Promise<string> =>
    make(client, `${prefix}-${name}`, { ...KEPT, VisibilityTimeout: '30', RedrivePolicy });
  return {
    SQS_QUEUE_URL_INTERACTIVE: await queue('interactive'),
    SQS_QUEUE_URL_BATCH: await queue('batch'),
    SQS_QUEUE_URL_WEBHOOKS: await queue('webhooks'),
    SQS_QUEUE_URL_DEAD: dead,
  };
}

/** Runs the command; resolves with the exit code. */
async function run([prefix = '4m']: readonly string[]): Promise<number> {
  const { SQS_ENDPOINT: endpoint, SQS_REGION: region = 'us-east-1' } = process.env;
  const { SQS_ACCESS_KEY_ID: accessKeyId, SQS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  if (!/^[A-Za-z0-9_-]{1,60}$/.test(prefix)) {
    console.error('PREFIX has at most 60 letters, digits, - and _');
    return 2;
  }
  const client = createSqsClient({
    ...(endpoint && { endpoint }),
    region,
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
  });
  try {
    const made = await createQueues(client, prefix);
    const lines = { FOURM_QUEUE: 'sqs', ...(endpoint && { SQS_ENDPOINT: endpoint }) };
    for (const [name, value] of Object.entries({ ...lines, SQS_REGION: region, ...made }))
      console.log(`${name}=${value}`);
    return 0;
  } catch (error) {
    console.error(`the queues cannot be made: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = await run(process.argv.slice(2));
