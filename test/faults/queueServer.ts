/** A server that speaks SQS, which is restarted, and has lost everything then but the names of its queues. */
import { startFauxqs } from 'fauxqs';
import { freePort } from '../../infra/ports.ts';

const LANES = ['INTERACTIVE', 'BATCH', 'WEBHOOKS'] as const;
/** Deliveries after which SQS gives a message up; kills deliver messages anew. */
const MOST_DELIVERIES = 50;

export interface QueueServer {
  /** Environment of edges and workers. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it for some time; what was in its queues is gone. */
  readonly restart: (pauseMilliseconds: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startQueueServer(): Promise<QueueServer> {
  const port = await freePort();
  const env: Record<string, string> = {
    FOURM_QUEUE: 'sqs',
    SQS_ENDPOINT: `http://127.0.0.1:${port}`,
    SQS_ACCESS_KEY_ID: 'test',
    SQS_SECRET_ACCESS_KEY: 'test',
  };
  async function start() {
    const server = await startFauxqs({ port, logger: false });
    const dead = server.createQueue('dead');
    env.SQS_QUEUE_URL_DEAD = dead.queueUrl;
    for (const lane of LANES) {
      const RedrivePolicy = JSON.stringify({
        deadLetterTargetArn: dead.queueArn,
        maxReceiveCount: MOST_DELIVERIES,
      });
      const { queueUrl } = server.createQueue(lane.toLowerCase(), {
        attributes: { RedrivePolicy },
      });
      env[`SQS_QUEUE_URL_${lane}`] = queueUrl;
    }
    return server;
  }
  let server = await start();
  return {
    env,
    async restart(pauseMilliseconds) {
      await server.stop();
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
      server = await start();
    },
    stop: () => server.stop(),
  };
}
