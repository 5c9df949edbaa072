/** What webhooks were told of jobs and batches, asking for it again, and the secret that signs them. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { type DeliveriesResponse, isEventId } from '../../shared/api/webhooks.ts';
import type { JobName } from '../../shared/jobs/job.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { batchNameOf, unknownBatch } from './batchName.ts';
import { jobNameOf, unknownJob } from './jobName.ts';

export function createWebhookRoutes({
  jobs,
  batches,
  webhooks,
}: Pick<Services, 'jobs' | 'batches' | 'webhooks'>) {
  /** @throws FailureError `unknown_job` */
  async function knownJob(c: EdgeContext): Promise<JobName> {
    const name = jobNameOf(c);
    if (!(await jobs.find(name))) throw unknownJob(name.id);
    return name;
  }

  /** @throws FailureError `unknown_batch` */
  async function knownBatch(c: EdgeContext): Promise<JobName> {
    const name = batchNameOf(c);
    if (!(await batches.find(name))) throw unknownBatch(name.id);
    return name;
  }

  const deliveriesOf = (known: typeof knownJob) => async (c: EdgeContext) => {
    const deliveries = await webhooks.deliveries(await known(c));
    c.header('cache-control', 'no-store');
    return c.json({ deliveries } satisfies DeliveriesResponse);
  };

  const redeliver = (known: typeof knownJob) => async (c: EdgeContext) => {
    const name = await known(c);
    const event = c.req.param('event') ?? '';
    const delivery = isEventId(event) ? await webhooks.redeliver(name, event) : undefined;
    if (!delivery) {
      const detail = `${name.id} has no delivery ${shorten(event)}`;
      throw refusal('unknown_delivery', detail, pointerTo('event'));
    }
    c.header('cache-control', 'no-store');
    return c.json(delivery);
  };

  return {
    jobDeliveries: deliveriesOf(knownJob),
    redeliverJobEvent: redeliver(knownJob),
    batchDeliveries: deliveriesOf(knownBatch),
    redeliverBatchEvent: redeliver(knownBatch),
    async webhookSecret(c: EdgeContext): Promise<Response> {
      c.header('cache-control', 'no-store');
      return c.json(await webhooks.secret(tenantOf(c)));
    },
    async rotateWebhookSecret(c: EdgeContext): Promise<Response> {
      c.header('cache-control', 'no-store');
      return c.json(await webhooks.rotate(tenantOf(c)));
    },
  };
}
