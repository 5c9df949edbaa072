/** `/v1/jobs`: jobs that were asked for: listed, told, followed, canceled. */
import { isJobId } from '../../shared/api/jobId.ts';
import {
  JOB_STATUSES,
  type JobsResponse,
  jobStatusSchema,
  jobsPageSchema,
} from '../../shared/api/jobs.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal, toProblem } from '../../shared/api/problem.ts';
import { failureOfJob, type JobDocument, type JobName } from '../../shared/jobs/job.ts';
import type { PageWish } from '../../shared/jobs/jobStore.ts';
import { listedJob } from '../../shared/jobs/listed.ts';
import { writeJson } from '../../shared/json.ts';
import { followed } from '../followed.ts';
import { jobView, linkedResult } from '../jobs/view.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { inlineOf } from '../uploads/links.ts';

import { jobNameOf, unknownJob } from './jobName.ts';

/** The job of the address. @throws FailureError `unknown_job` for what can be no id, `invalid_request` for the query */
function nameOf(c: EdgeContext): JobName {
  inlineOf(c);
  return jobNameOf(c);
}

/** The page that a query asks for. @throws FailureError `invalid_request` */
function pageOf(c: EdgeContext): PageWish {
  const { limit: text, status, after } = c.req.query();
  const limit = jobsPageSchema.safeParse(
    text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : text,
  );
  if (!limit.success)
    throw refusal(
      'invalid_request',
      'limit must be a whole number from 1 to 100',
      pointerTo('limit'),
    );
  const wanted = jobStatusSchema.optional().safeParse(status);
  if (!wanted.success) {
    const detail = `status must be one of ${JOB_STATUSES.join(', ')}`;
    throw refusal('invalid_request', detail, pointerTo('status'));
  }
  if (after !== undefined && !isJobId(after))
    throw refusal('invalid_request', 'after must be `next` of an earlier page', pointerTo('after'));
  return { limit: limit.data, status: wanted.data, after };
}

export function createJobRoutes(services: Services) {
  const { jobs } = services;

  async function answer(c: EdgeContext, job: JobDocument | undefined, id: string) {
    if (!job) throw unknownJob(id);
    const body = await writeJson(await jobView(c, job, services));
    return c.body(body, {
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    });
  }

  /** The last event of a job that has ended. */
  async function lastEvent(c: EdgeContext, job: JobDocument): Promise<readonly [string, unknown]> {
    if (job.status === 'canceled') return ['canceled', listedJob(job)];
    if (job.failure && job.status === 'failed')
      return ['problem', toProblem(failureOfJob(job.failure), job.request_id)];
    const result = await linkedResult(c, job, services);
    if (result) return ['result', result];
    const detail = 'the store no longer has the result of this job; ask for it again';
    return ['problem', toProblem({ code: 'store_unavailable', detail }, job.request_id)];
  }

  async function jobEvents(c: EdgeContext): Promise<Response> {
    const name = nameOf(c);
    if (!(await jobs.find(name))) throw unknownJob(name.id);
    const after = c.req.header('last-event-id');
    const lastId = (): string => 'end';
    return followed(c, services, lastId, async ({ send, signal }) => {
      const following = jobs.follow(name, after, signal);
      for (;;) {
        const { done, value } = await following.next();
        if (!done) {
          await send('progress', value.id, value.progress);
          continue;
        }
        if (value) {
          const [event, told] = await lastEvent(c, value);
          await send(event, lastId(), told);
        }
        return;
      }
    });
  }

  return {
    async jobs(c: EdgeContext): Promise<Response> {
      const { jobs: found, next } = await jobs.page(tenantOf(c), pageOf(c));
      c.header('cache-control', 'no-store');
      const page: JobsResponse = {
        jobs: found.map(listedJob),
        ...(next !== undefined && { next }),
      };
      return c.json(page);
    },
    async job(c: EdgeContext): Promise<Response> {
      const name = nameOf(c);
      return await answer(c, await jobs.find(name), name.id);
    },
    async cancelJob(c: EdgeContext): Promise<Response> {
      const name = nameOf(c);
      return await answer(c, await jobs.cancel(name), name.id);
    },
    jobEvents,
  };
}
