/** A server that speaks SQS, on this machine and in memory. It accepts any signature. */
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import type { Queue, Queues } from '../../shared/queue/queue.ts';
import { createSqsClient, createSqsQueue, type SqsSettings } from '../../shared/queue/sqs.ts';

export interface SqsServer {
  readonly server: FauxqsServer;
  readonly settings: SqsSettings;
  readonly client: SQSClient;
  /** Makes a queue. @param redriveAfter deliveries after which its messages go to another queue, by its name */
  readonly create: (name: string, redrive?: { to: string; after: number }) => string;
  /** Environment of edges and workers, with queues of their own. */
  readonly environment: (prefix: string, redriveAfter?: number) => Record<string, string>;
  readonly stop: () => Promise<void>;
}

export async function startSqs(port = 0): Promise<SqsServer> {
  const server = await startFauxqs({ port, logger: false });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const settings = { endpoint, region: 'us-east-1', credentials };
  const client = createSqsClient(settings);
  const arns = new Map<string, string>();
  const create: SqsServer['create'] = (name, redrive) => {
    const policy = redrive && {
      deadLetterTargetArn: arns.get(redrive.to),
      maxReceiveCount: redrive.after,
    };
    const attributes = policy && { RedrivePolicy: JSON.stringify(policy) };
    const { queueUrl, queueArn } = server.createQueue(name, { ...(attributes && { attributes }) });
    arns.set(name, queueArn);
    return queueUrl;
  };
  return {
    server,
    settings,
    client,
    create,
    environment(prefix, redriveAfter = 20) {
      const dead = `${prefix}-dead`;
      const SQS_QUEUE_URL_DEAD = create(dead);
      const redrive = { to: dead, after: redriveAfter };
      return {
        FOURM_QUEUE: 'sqs',
        SQS_ENDPOINT: endpoint,
        SQS_ACCESS_KEY_ID: 'test',
        SQS_SECRET_ACCESS_KEY: 'test',
        SQS_QUEUE_URL_DEAD,
        SQS_QUEUE_URL_INTERACTIVE: create(`${prefix}-interactive`, redrive),
        SQS_QUEUE_URL_BATCH: create(`${prefix}-batch`, redrive),
        SQS_QUEUE_URL_WEBHOOKS: create(`${prefix}-webhooks`, redrive),
      };
    },
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
}

/** A queue with another for its dead letters. */
export function openSqs(
  { client, create }: SqsServer,
  name: string,
  visibilitySeconds: number,
  { now = Date.now, redriveAfter = 1000 } = {},
): { readonly queue: Queue; readonly dead: Queue; readonly url: string } {
  const deadUrl = create(`${name}-dead`);
  const url = create(name, { to: `${name}-dead`, after: redriveAfter });
  const at = (queueUrl: string): Queue =>
    createSqsQueue(client, { url: queueUrl, deadUrl, visibilitySeconds, now });
  return { queue: at(url), dead: at(deadUrl), url };
}

/** Sends what no part of the product would. */
export const sendRaw = async ({ client }: SqsServer, QueueUrl: string, MessageBody: string) =>
  void (await client.send(new SendMessageCommand({ QueueUrl, MessageBody })));

/** Queues of a fleet of their own. @param redriveAfter deliveries after which SQS gives a message up by itself */
export function openSqsQueues(
  { client, environment }: SqsServer,
  prefix: string,
  { visibilitySeconds = 30, redriveAfter = 20 } = {},
): { readonly open: () => Queues; readonly environment: Record<string, string> } {
  const made = environment(prefix, redriveAfter);
  const deadUrl = made.SQS_QUEUE_URL_DEAD ?? '';
  const at = (url = ''): Queue => createSqsQueue(client, { url, deadUrl, visibilitySeconds });
  return {
    environment: made,
    open: () => ({
      interactive: at(made.SQS_QUEUE_URL_INTERACTIVE),
      batch: at(made.SQS_QUEUE_URL_BATCH),
      webhooks: at(made.SQS_QUEUE_URL_WEBHOOKS),
      dead: at(deadUrl),
    }),
  };
}
