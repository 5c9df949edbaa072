/** Sends names of jobs, and of events of webhooks, to SQS: signed calls of its JSON protocol, in a few KiB, on Node as in Workers. */
import { AwsClient } from 'aws4fetch';
import { present } from '../../shared/lookup.ts';
import type { Config } from '../config.ts';
import { errorText } from '../dispatch/http.ts';

export type QueueName = 'interactive' | 'batch' | 'webhooks';

/** @throws Error when the queue did not take it, after several tries */
export type SendMessage = (queue: QueueName, body: string) => Promise<void>;

/** Tries of one message; a caller waits for them. */
const TRIES = 4;
const TRY_MILLISECONDS = 2000;
const FIRST_PAUSE_MILLISECONDS = 100;

type Sqs = Pick<
  Config,
  | 'SQS_ENDPOINT'
  | 'SQS_REGION'
  | 'SQS_ACCESS_KEY_ID'
  | 'SQS_SECRET_ACCESS_KEY'
  | 'SQS_QUEUE_URL_INTERACTIVE'
  | 'SQS_QUEUE_URL_BATCH'
  | 'SQS_QUEUE_URL_WEBHOOKS'
>;

/** What went wrong, and whether it may go better the next time. */
interface Trouble {
  readonly said: string;
  readonly mayPass: boolean;
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param config checked: what `FOURM_QUEUE=sqs` needs is there */
export function createSqsSender(config: Sqs): SendMessage {
  const client = new AwsClient({
    accessKeyId: present(config.SQS_ACCESS_KEY_ID, 'SQS_ACCESS_KEY_ID'),
    secretAccessKey: present(config.SQS_SECRET_ACCESS_KEY, 'SQS_SECRET_ACCESS_KEY'),
    service: 'sqs',
    region: config.SQS_REGION,
  });
  const urls: Record<QueueName, string | undefined> = {
    interactive: present(config.SQS_QUEUE_URL_INTERACTIVE, 'SQS_QUEUE_URL_INTERACTIVE'),
    batch: present(config.SQS_QUEUE_URL_BATCH, 'SQS_QUEUE_URL_BATCH'),
    webhooks: config.SQS_QUEUE_URL_WEBHOOKS,
  };

  async function attempt(QueueUrl: string, MessageBody: string): Promise<Trouble | undefined> {
    const request = await client.sign(`${config.SQS_ENDPOINT ?? new URL(QueueUrl).origin}/`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'AmazonSQS.SendMessage',
      },
      body: JSON.stringify({ QueueUrl, MessageBody }),
    });
    try {
      const signal = AbortSignal.timeout(TRY_MILLISECONDS);
      const response = await fetch(request, { signal, redirect: 'manual' });
      const said = await response.text();
      if (response.ok) return undefined;
      const { status } = response;
      const mayPass = status >= 500 || status === 429 || /throttl/i.test(said);
      return { said: `${status} ${said.slice(0, 300)}`, mayPass };
    } catch (error) {
      return { said: errorText(error), mayPass: true };
    }
  }

  return async (queue, body) => {
    const url = present(urls[queue], `the address of the queue ${queue}`);
    for (let tries = 1; ; tries++) {
      const trouble = await attempt(url, body);
      if (!trouble) return;
      if (!trouble.mayPass || tries === TRIES)
        throw new Error(`SQS SendMessage to ${url}: ${trouble.said}`);
      await pause(FIRST_PAUSE_MILLISECONDS * 2 ** (tries - 1) * (0.5 + Math.random() / 2));
    }
  };
}
