/** Names a request: `X-Request-Id` for people, `traceparent` (W3C Trace Context) for tools. */
import { createMiddleware } from 'hono/factory';
import type { EdgeEnv } from './problems.ts';

const hex = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A caller's own names are kept when they are well formed: they end up in logs and headers. */
export const requestIdentity = createMiddleware<EdgeEnv>(async (c, next) => {
  const given = c.req.header('x-request-id') ?? '';
  const trace = c.req.header('traceparent') ?? '';
  c.set('requestId', /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID());
  c.set('traceparent', TRACEPARENT.test(trace) ? trace : `00-${hex(16)}-${hex(8)}-01`);
  await next();
  c.header('x-request-id', c.get('requestId'));
});
