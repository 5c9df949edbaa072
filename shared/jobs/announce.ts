/** Announces what a job's webhook is to tell: everything that its document says to have happened. */
import type { WebhookEventType } from '../api/webhookEvents.ts';
import { type Announcement, announce } from '../webhooks/announce.ts';
import type { EventDocument } from '../webhooks/event.ts';
import type { EventStore } from '../webhooks/eventStore.ts';
import { isFinal, type JobDocument } from './job.ts';
import { jobPath, listedJob } from './listed.ts';

const ENDS = {
  succeeded: 'job.succeeded',
  failed: 'job.failed',
  canceled: 'job.canceled',
} as const satisfies Partial<Record<JobDocument['status'], WebhookEventType>>;

/** What has happened to a job -> when. */
function happened(job: JobDocument): [WebhookEventType, number][] {
  const { status, started, completed, updated } = job;
  const end = status in ENDS ? ENDS[status as keyof typeof ENDS] : undefined;
  return [
    ...(started === undefined ? [] : [['job.started', started] as [WebhookEventType, number]]),
    ...(end ? [[end, completed ?? updated] as [WebhookEventType, number]] : []),
  ];
}

type Told = Pick<Announcement, 'data' | 'short'>;

/** The job as `GET /v1/jobs` lists it, and where it is: its result may be large, and is fetched there. */
function told(job: JobDocument): Told {
  const { problem, ...listed } = listedJob(job);
  const data = { ...listed, url: jobPath(job.id) };
  if (!problem) return { data };
  const { errors: _, ...short } = problem;
  return { data: { ...data, problem }, short: { ...data, problem: short } };
}

/**
 * The events of a job, those announced before among them; none where nobody wants to be told. It is called when a
 * job has begun and when it has ended, before what an ended job is found again by is removed.
 * @throws what the store throws; then it has to be called again
 */
export async function announceJob(
  events: EventStore,
  job: JobDocument,
  now: number,
): Promise<EventDocument[]> {
  const { webhook, tenant, id: subject } = job;
  if (!webhook) return [];
  const announced: EventDocument[] = [];
  for (const [type, at] of happened(job)) {
    if (!webhook.events.includes(type)) continue;
    const { url } = webhook;
    // That it began is told as it was then, since the same event may be announced again when it has ended.
    const said = told(type === 'job.started' && isFinal(job) ? asStarted(job) : job);
    announced.push(await announce(events, { tenant, subject, type, url, at, ...said }, now));
  }
  return announced;
}

function asStarted(job: JobDocument): JobDocument {
  const { completed: _, failure: __, ...rest } = job;
  return { ...rest, status: 'starting' };
}
