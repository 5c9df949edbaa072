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
import { jobView, linkedResult } from '../jobs/view.ts';
import { type EdgeContext, failureOf } from '../problems.ts';
import type { Services } from '../services.ts';
import { streamed } from '../streamed.ts';
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
    c.header('content-type', 'text/event-stream');
    c.header('cache-control', 'no-store');
    return streamed(c, async (out) => {
      const left = new AbortController();
      out.onAbort(() => left.abort());
      const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
      const send = async (event: string, id: string, value: unknown): Promise<void> => {
        await out.write(`id: ${id}\nevent: ${event}\ndata: `);
        await out.write(await writeJson(value));
        await out.write('\n\n');
      };
      try {
        const following = jobs.follow(name, after, signal);
        for (;;) {
          const { done, value } = await following.next();
          if (!done) {
            await send('progress', value.id, value.progress);
            continue;
          }
          if (value) await send(...(await lastOf(c, value)));
          return;
        }
      } catch (error) {
        if (signal.aborted) return;
        const failure = failureOf(error, services, c.get('requestId'));
        await send('problem', 'end', toProblem(failure, c.get('requestId'), c.req.path));
      }
    });
  }

  async function lastOf(
    c: EdgeContext,
    job: JobDocument,
  ): Promise<readonly [string, string, unknown]> {
    const [event, value] = await lastEvent(c, job);
    return [event, 'end', value];
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
