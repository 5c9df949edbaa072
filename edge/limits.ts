/** What a request may use, by the limits of its key and of its tenant; nothing is bounded where it has no key. */
import { FailureError, refusal } from '../shared/api/problem.ts';
import { boundOf, type Limiter, type Measure } from '../shared/limits/limiter.ts';
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
  const { standings, failure } = limiter.count(known, measure, await cost());
  c.set('standings', [...(c.get('standings') ?? []), ...standings]);
  if (failure) throw new FailureError(failure);
}

/** Jobs that have not ended at most; undefined without a bound. */
export function mostJobs(c: EdgeContext): number | undefined {
  const known = c.get('key');
  return known && boundOf(known, 'concurrent_jobs');
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
