/** What a request may use, by the limits of its key and of its tenant; nothing is bounded where it has no key. */
import { FailureError, refusal } from '../shared/api/problem.ts';
import { boundOf, type Limiter, type Measure, rateHeaders } from '../shared/limits/limiter.ts';
import type { Body } from './body/body.ts';
import type { EdgeContext } from './problems.ts';

/**
 * Counts what a request uses.
 * @param cost asked for only where there is a bound
 * @throws FailureError `quota_exceeded`
 */
export async function count(
  c: EdgeContext,
  limiter: Limiter,
  measure: Measure,
  cost: () => number | Promise<number>,
): Promise<void> {
  const known = c.get('key');
  const field = measure === 'requests' ? 'requests_per_minute' : 'units_per_minute';
  if (!known || boundOf(known, field) === undefined) return;
  const exceeded = limiter.count(known, measure, await cost());
  if (!exceeded) return;
  c.set('exceeded', exceeded.standings);
  throw new FailureError(exceeded.failure);
}

/** Says with an answer how the limits of its key stand, if it has any: with every one, whatever its status. */
export function tellLimits(c: EdgeContext, limiter: Limiter): void {
  const known = c.get('key');
  if (!known) return;
  const exceeded = c.get('exceeded') ?? [];
  const others = limiter
    .look(known)
    .filter(({ policy }) => !exceeded.some((one) => one.policy === policy));
  const retryAfter = c.res.headers.get('retry-after');
  const headers = rateHeaders(
    [...others, ...exceeded],
    retryAfter === null ? undefined : Number(retryAfter),
  );
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
}

/** Seconds after which a job may have ended, where there are too many. */
const JOB_SECONDS = 5;

/**
 * Refuses a further job where too many have not ended.
 * @param open counts those of the tenant, up to so many; asked for only where there is a bound
 * @throws FailureError `quota_exceeded`
 */
export async function boundJobs(
  c: EdgeContext,
  open: (most: number) => Promise<number>,
): Promise<void> {
  const known = c.get('key');
  const most = known && boundOf(known, 'concurrent_jobs');
  if (most === undefined) return;
  const there = await open(most);
  if (there < most) return;
  const standing = { policy: 'jobs', quota: most, remaining: 0, seconds: JOB_SECONDS };
  c.set('exceeded', [{ ...standing, isConcurrent: true }]);
  const detail = `${there} jobs have not ended, and there may be ${most} at once (concurrent_jobs)`;
  throw refusal('quota_exceeded', detail, undefined, { retryAfterSeconds: JOB_SECONDS });
}

/** Bounds the body of a request by what its key allows. @throws FailureError `too_large` when it is announced as larger */
export function boundBody(c: EdgeContext): void {
  const known = c.get('key');
  const most = known && boundOf(known, 'body_bytes');
  if (most === undefined) return;
  const tooLarge = () => refusal('too_large', `a body of this key has at most ${most} bytes`);
  if (Number(c.req.header('content-length') ?? 0) > most) throw tooLarge();
  const body = c.get('body');
  const bounded: Body = {
    async bytes(request) {
      const bytes = await body.bytes(request);
      if (bytes.length > most) throw tooLarge();
      return bytes;
    },
    async *stream(request) {
      let length = 0;
      for await (const bytes of body.stream(request)) {
        length += bytes.length;
        if (length > most) throw tooLarge();
        yield bytes;
      }
    },
  };
  c.set('body', bounded);
}
