/** Which pages may call `/mcp`, as its protocol asks. Without keys the guard has refused those of other machines. */
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { createAllowsOrigin } from '../auth/origins.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

/** @throws FailureError `forbidden_origin` */
export function assertOrigin(c: EdgeContext, { config }: Pick<Services, 'config'>): void {
  const origin = c.req.header('origin');
  if (origin === undefined || createAllowsOrigin(config)(origin)) return;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  if (from?.host === new URL(c.req.url).host) return;
  const detail = `pages of ${shorten(origin)} may not call this: FOURM_CORS_ORIGIN names those that may`;
  throw refusal('forbidden_origin', detail);
}
