/**
 * Which pages may call `/mcp`. A page can have its own name lead to this machine (DNS rebinding), and then reach a server
 * that listens here alone; where keys are asked for, no page has one that its user did not give it.
 */
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { isLoopback } from '../auth/guard.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

/** @throws FailureError `forbidden_origin` */
export function assertOrigin(c: EdgeContext, { config }: Pick<Services, 'config'>): void {
  const { FOURM_AUTH: auth, FOURM_CORS_ORIGIN: setting } = config;
  const { hostname, host } = new URL(c.req.url);
  if (auth === 'off' && !isLoopback(hostname)) {
    const detail = `this server answers tools to this machine alone, and was called ${shorten(hostname)}`;
    throw refusal('forbidden_origin', detail);
  }
  const origin = c.req.header('origin');
  if (origin === undefined) return;
  const allowed = setting.split(',').map((one) => one.trim());
  if (allowed.includes(origin) || (auth !== 'off' && setting === '*')) return;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  if (from?.host === host || (auth === 'off' && from && isLoopback(from.hostname))) return;
  const detail = `pages of ${shorten(origin)} may not call this: FOURM_CORS_ORIGIN names those that may`;
  throw refusal('forbidden_origin', detail);
}
