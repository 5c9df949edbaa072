/** What webhooks were told of jobs, asking for it again, and the secret that signs them. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { type DeliveriesResponse, isEventId } from '../../shared/api/webhooks.ts';
import type { JobName } from '../../shared/jobs/job.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { jobNameOf, unknownJob } from './jobName.ts';

export function createWebhookRoutes({ jobs, webhooks }: Pick<Services, 'jobs' | 'webhooks'>) {
  /** @throws FailureError `unknown_job` */
  async function knownJob(c: EdgeContext): Promise<JobName> {
    const name = jobNameOf(c);
    if (!(await jobs.find(name))) throw unknownJob(name.id);
    return name;
  }

  async function jobDeliveries(c: EdgeContext): Promise<Response> {
    const deliveries = await webhooks.deliveries(await knownJob(c));
    c.header('cache-control', 'no-store');
    return c.json({ deliveries } satisfies DeliveriesResponse);
  }

  async function redeliverJobEvent(c: EdgeContext): Promise<Response> {
    const name = await knownJob(c);
    const event = c.req.param('event') ?? '';
    const delivery = isEventId(event) ? await webhooks.redeliver(name, event) : undefined;
    if (!delivery) {
      const detail = `the job ${name.id} has no delivery ${shorten(event)}`;
      throw refusal('unknown_delivery', detail, pointerTo('event'));
    }
    c.header('cache-control', 'no-store');
    return c.json(delivery);
  }

  return {
    jobDeliveries,
    redeliverJobEvent,
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
