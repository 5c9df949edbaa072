/**
 * A queue in SQS, or in what speaks its protocol. A message that is given back for reasons not its own is sent anew
 * and the old one removed, in this order: so that SQS, which counts every delivery, counts those alone whose receiver
 * ended without a word. What is sent for later than SQS can delay is sent again by whoever receives it too early.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  SQSServiceException,
} from '@aws-sdk/client-sqs';
import { present } from '../lookup.ts';
import type { Queue, Received } from './queue.ts';

export interface SqsSettings {
  /** Absent for AWS itself. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  /** Absent: those of the machine, as the AWS SDK finds them. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface SqsQueueOptions {
  readonly url: string;
  /** Queue of the messages that nobody can handle. */
  readonly deadUrl: string;
  readonly visibilitySeconds: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Messages of one call at most. */
const MOST_RECEIVED = 10;
const LONGEST_WAIT_SECONDS = 20;
const LONGEST_DELAY_SECONDS = 900;
/** From its delivery, a message can be hidden for so long in all; a margin is left for clocks and calls. */
const LONGEST_HIDDEN_MILLISECONDS = (12 * 3600 - 60) * 1000;
/** A call that takes longer has lost its connection: the longest one waits for messages. */
const CALL_MILLISECONDS = (LONGEST_WAIT_SECONDS + 10) * 1000;
const REASON_CHARACTERS = 1000;

/** What SQS answers to a receipt that holds no longer. */
const STALE = new Set(['ReceiptHandleIsInvalid', 'MessageNotInflight', 'InvalidParameterValue']);

/** Attributes of messages: not to be received before, in unix milliseconds; why it was buried. */
const NOT_BEFORE = 'not_before';
const REASON = 'reason';

const failed = (action: string, cause: unknown): Error =>
  new Error(`SQS ${action}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`, {
    cause,
  });

const isStale = (error: unknown): boolean =>
  error instanceof SQSServiceException && STALE.has(error.name.split('.').at(-1) ?? '');

/** A text without what SQS refuses in one. */
const sendable = (text: string): string =>
  text.replaceAll(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD]/g, ' ').slice(0, REASON_CHARACTERS) || ' ';

export const createSqsClient = ({ endpoint, region, credentials }: SqsSettings): SQSClient =>
  new SQSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    requestHandler: { requestTimeout: CALL_MILLISECONDS, connectionTimeout: 5_000 },
  });

/** @throws Error (each operation) naming the SQS action and the server's reason */
export function createSqsQueue(
  client: SQSClient,
  { url: QueueUrl, deadUrl, visibilitySeconds, now = Date.now }: SqsQueueOptions,
): Queue {
  /** Receipts that were given and are not done with -> when, in unix milliseconds. */
  const received = new Map<string, number>();

  async function call<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw failed(action, cause);
    }
  }

  async function unlessStale(action: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!isStale(cause)) throw failed(action, cause);
    }
  }

  /** @param due unix milliseconds */
  async function sendFor(body: string, due: number): Promise<void> {
    const seconds = Math.max(0, Math.ceil((due - now()) / 1000));
    const isLater = seconds > LONGEST_DELAY_SECONDS;
    const command = new SendMessageCommand({
      QueueUrl,
      MessageBody: body,
      DelaySeconds: Math.min(seconds, LONGEST_DELAY_SECONDS),
      ...(isLater && {
        MessageAttributes: { [NOT_BEFORE]: { DataType: 'Number', StringValue: String(due) } },
      }),
    });
    await call('SendMessage', () => client.send(command));
  }

  async function remove(receipt: string): Promise<void> {
    const command = new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipt });
    await unlessStale('DeleteMessage', () => client.send(command));
    received.delete(receipt);
  }

  const stringOf = (
    attributes: Record<string, MessageAttributeValue> | undefined,
    name: string,
  ): string | undefined => attributes?.[name]?.StringValue;

  /** The message as its receiver is given it; undefined where its time has not come. */
  async function accept(message: Message): Promise<Received | undefined> {
    const receipt = present(message.ReceiptHandle, 'the receipt of a message');
    const body = message.Body ?? '';
    const due = Number(stringOf(message.MessageAttributes, NOT_BEFORE) ?? 0);
    if (due > now()) {
      await sendFor(body, due);
      await remove(receipt);
      return undefined;
    }
    received.set(receipt, now());
    const reason = stringOf(message.MessageAttributes, REASON);
    const deliveries = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
    return { body, receipt, deliveries, ...(reason !== undefined && { reason }) };
  }

  async function ask(most: number, seconds: number, signal?: AbortSignal): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: Math.min(most, MOST_RECEIVED),
      WaitTimeSeconds: Math.min(seconds, LONGEST_WAIT_SECONDS),
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      MessageAttributeNames: [NOT_BEFORE, REASON],
    });
    const options = signal ? { abortSignal: signal } : {};
    return (await client.send(command, options)).Messages ?? [];
  }

  /** Forgets receipts that hold no longer, of receivers that never said what became of a message. */
  function forgetOld(): void {
    for (const [receipt, at] of received) {
      if (now() - at < LONGEST_HIDDEN_MILLISECONDS) return;
      received.delete(receipt);
    }
  }

  return {
    visibilitySeconds,
    isShared: true,
    send: (body, delaySeconds = 0) => sendFor(body, now() + delaySeconds * 1000),
    async receive({ most, waitSeconds, signal }) {
      forgetOld();
      const until = now() + waitSeconds * 1000;
      for (;;) {
        if (signal?.aborted) return [];
        const left = Math.max(0, Math.ceil((until - now()) / 1000));
        try {
          const given = await Promise.all((await ask(most, left, signal)).map(accept));
          const ready = given.filter((message) => message !== undefined);
          if (ready.length > 0 || now() >= until) return ready;
        } catch (cause) {
          if (signal?.aborted) return [];
          throw failed('ReceiveMessage', cause);
        }
      }
    },
    async hide(receipt, seconds) {
      const at = received.get(receipt) ?? now();
      const left = Math.floor((at + LONGEST_HIDDEN_MILLISECONDS - now()) / 1000);
      // Beyond that it is delivered again, and whoever receives it sees that somebody is at it.
      if (left <= 0) return;
      const command = new ChangeMessageVisibilityCommand({
        QueueUrl,
        ReceiptHandle: receipt,
        VisibilityTimeout: Math.min(Math.ceil(seconds), left),
      });
      await unlessStale('ChangeMessageVisibility', () => client.send(command));
    },
    async defer({ body, receipt }, seconds) {
      await sendFor(body, now() + seconds * 1000);
      await remove(receipt);
    },
    remove,
    async bury({ body, receipt }, reason) {
      const command = new SendMessageCommand({
        QueueUrl: deadUrl,
        MessageBody: body,
        MessageAttributes: { [REASON]: { DataType: 'String', StringValue: sendable(reason) } },
      });
      await call('SendMessage', () => client.send(command));
      await remove(receipt);
    },
    async depth() {
      const command = new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesDelayed',
          'ApproximateNumberOfMessagesNotVisible',
        ],
      });
      const { Attributes = {} } = await call('GetQueueAttributes', () => client.send(command));
      return {
        waiting: Number(Attributes.ApproximateNumberOfMessages ?? 0),
        delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
        taken: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
      };
    },
  };
}
