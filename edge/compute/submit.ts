/** Work that becomes a job, since its caller does not want to wait for it, or not so long. */

import { createJobId } from '../../shared/api/jobId.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import { failureOfJob, type JobDescription, type JobDocument } from '../../shared/jobs/job.ts';
import { jobPath } from '../../shared/jobs/listed.ts';
import { writeJson } from '../../shared/json.ts';
import type { Preference } from '../jobs/prefer.ts';
import { jobView } from '../jobs/view.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { withSources } from '../sources/sources.ts';
import type { Payment } from './pay.ts';
import type { Asker, Task, Wish } from './task.ts';

export interface Submission<W extends Wish> {
  readonly wish: W;
  readonly job: NonNullable<Task<W, object>['job']>;
  readonly asker: Asker;
  readonly preference: Preference;
  /** Whether the result is in the store. */
  readonly isStored: boolean;
  /** Refuses a further job where the tenant may have no more. */
  readonly boundJobs: (open: (most: number) => Promise<number>) => Promise<void>;
  /** What is held for it; undefined where nothing is charged. */
  readonly payment: Payment | undefined;
}

/** @throws FailureError `no_jobs`, `store_unavailable`; `quota_exceeded` where too many jobs have not ended; `invalid_request` where nothing may be kept */
export async function submit<W extends Wish>(
  { jobs, store, keptFor }: Services,
  { wish, job, asker, preference, isStored, boundJobs, payment }: Submission<W>,
): Promise<JobDocument> {
  if (!wish.cache.mayStore) {
    const detail =
      'Cache-Control: no-store asks for nothing to be kept, and Prefer: respond-async for a job, which is kept';
    throw refusal('invalid_request', detail);
  }
  if (!isStored) await boundJobs((most) => jobs.countOpen(wish.tenant, most));
  const { task, request, files, keep, view: own = {} } = job(wish, asker);
  const view = withSources(own, wish.sources);
  const id = createJobId(store.now());
  const description: JobDescription = {
    id,
    tenant: wish.tenant,
    task,
    // What somebody waits for comes before what nobody does.
    priority: preference.waitSeconds > 0 ? 'interactive' : 'batch',
    request_id: asker.requestId,
    traceparent: asker.traceparent,
    result: {
      id: wish.key.id,
      scope: keptFor(wish.tenant).scope,
      ...(wish.key.seed !== undefined && { seed: wish.key.seed }),
      models: wish.models.map(({ id, digest }) => ({ id, digest })),
      replace: !wish.cache.mayReuse,
    },
    ...(keep && { keep }),
    ...(Object.keys(view).length > 0 && { view }),
    ...(wish.webhook && { webhook: wish.webhook }),
    ...(payment && { price: { amount: payment.price, currency: payment.currency } }),
  };
  // Charged before it is there: a job that is not written in the end is not paid for.
  await payment?.chargeJob(id);
  const charged = asker.turn?.charged && { charged: true };
  const inputs = isStored
    ? undefined
    : await files.fillIn(JSON.stringify({ ...request, ...charged }));
  return await jobs.submit(description, inputs, wish.deadlineMs);
}

/** 202 with the job, and where to look for it. */
export async function answerAccepted(
  c: EdgeContext,
  services: Services,
  job: JobDocument,
  { applied }: Preference,
): Promise<Response> {
  const body = await writeJson(await jobView(c, job, services));
  return c.body(body, 202, {
    'cache-control': 'no-store',
    'content-type': 'application/json',
    location: jobPath(job.id),
    'preference-applied': applied,
  });
}

/**
 * Waits for a job as long as its caller likes.
 * @returns the document when it has succeeded; undefined when the time was over, or it was canceled
 * @throws FailureError the job's own; the signal's reason when the caller has gone, and then the job is canceled
 */
export async function waitFor(
  { jobs }: Services,
  job: JobDocument,
  { waitSeconds }: Preference,
  signal: AbortSignal,
): Promise<JobDocument | undefined> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(waitSeconds * 1000)]);
  const following = jobs.follow(job, undefined, over);
  for (;;) {
    const { done, value } = await following.next();
    if (!done) continue;
    if (signal.aborted) {
      // Nobody has been told of the job, so nobody will ask for it.
      await jobs.cancel(job);
      throw signal.reason;
    }
    if (value?.failure && value.status === 'failed')
      throw new FailureError(failureOfJob(value.failure));
    return value?.status === 'succeeded' ? value : undefined;
  }
}
