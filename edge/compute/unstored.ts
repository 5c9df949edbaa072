/** Work whose result is never stored: it is counted, paid for and done for every request. */
import { count } from '../limits.ts';
import type { EdgeContext } from '../problems.ts';
import { UNCACHED } from '../provenance.ts';
import type { Services } from '../services.ts';
import { paid, type Work } from './pay.ts';

/**
 * What the work comes to; the answer says that it was not looked for in the store.
 * @throws FailureError `quota_exceeded`; as `paid`
 */
export async function runUnstored<T>(
  c: EdgeContext,
  services: Services,
  work: Work,
  run: () => Promise<T>,
): Promise<T> {
  await count(c, services.limiter, 'units', () => work.units);
  const result = await paid(c, services, () => work, run);
  c.header('cache-status', UNCACHED);
  return result;
}
