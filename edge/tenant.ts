/** Whose request it is: nobody but the guard of the routes says so, by the key that came with it. */
import type { EdgeContext } from './problems.ts';

/** Whose everything is where requests are not told apart by keys. */
export const ONLY_TENANT = 'default';

/** @throws Error on a route that no guard stands before, which is a mistake in the edge */
export function tenantOf(c: EdgeContext): string {
  const tenant = c.get('tenant');
  if (tenant === undefined) throw new Error(`nobody has said whose request ${c.req.path} is`);
  return tenant;
}
