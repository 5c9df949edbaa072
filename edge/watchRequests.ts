/**
 * Names every request (`X-Request-Id` for people, `traceparent` of W3C Trace Context for tools) and tells of it: a line
 * of the log, metrics, and a span.
 */
import { createMiddleware } from 'hono/factory';
import { ROUTES } from '../shared/api/routes.ts';
import { isWorker } from '../shared/pause.ts';
import { keepAlive } from './keepAlive.ts';
import type { EdgeEnv } from './problems.ts';
import { namesOf } from './requestNames.ts';
import type { Services } from './services.ts';

/** What `Cache-Status` says of an answer, of few values. */
export function cacheOutcome(status: string | null | undefined): string | undefined {
  // What is never stored is no miss.
  if (!status || /fwd=bypass\b/.test(status)) return undefined;
  if (/; hit\b/.test(status)) return 'hit';
  if (/; collapsed\b/.test(status)) return 'collapsed';
  return /fwd=request\b/.test(status) ? 'request' : 'miss';
}

/** Routes that machines ask again and again, and pages: no line of the log is about them. */
const QUIET = new Set(
  Object.values(ROUTES).flatMap(({ id, tag }) => (tag === 'service' ? [id as string] : [])),
);

/** Addresses of routes, as the API writes them. */
const PATHS: ReadonlyMap<string, string> = new Map(
  Object.values(ROUTES).map(({ id, path }) => [id, path]),
);

/** Resolves when an answer in one piece has gone, which nothing that is told of it may delay; in Workers, at once. */
const answered = (): Promise<void> =>
  isWorker ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve));

export function watchRequests(services: Services) {
  const { metrics, tracer } = services;
  let inFlight = 0;
  metrics.read('requestsHere', () => [[{}, inFlight]]);

  return createMiddleware<EdgeEnv>(async (c, next) => {
    const started = Date.now();
    // A caller's own names are kept when they are well formed: they end up in logs and headers.
    const given = c.req.header('x-request-id') ?? '';
    const requestId = /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
    const { method } = c.req;
    const span = tracer.start({
      name: method,
      kind: 'server',
      parent: c.req.header('traceparent'),
      attributes: { 'http.request.method': method, 'request.id': requestId },
    });
    c.set('requestId', requestId);
    c.set('traceparent', span.traceparent);
    const names = namesOf({ requestId, traceparent: span.traceparent });
    inFlight++;

    function end(): void {
      inFlight--;
      const route = c.get('route') ?? 'none';
      const { status } = c.res;
      const milliseconds = Date.now() - started;
      const cache = cacheOutcome(c.res.headers.get('cache-status'));
      metrics.count('requests', { route, status: String(status) });
      metrics.observe('requestSeconds', { route }, milliseconds / 1000);
      if (cache !== undefined) metrics.count('cache', { route, outcome: cache });
      if (!QUIET.has(route)) {
        const said = { route, method, status, milliseconds, cache };
        services.write({ event: 'request', ...names, ...said });
      }
      const path = PATHS.get(route);
      if (path !== undefined) span.rename(`${method} ${path}`);
      span.set({ 'http.response.status_code': status, ...(path && { 'http.route': path }) });
      if (cache !== undefined) span.set({ 'fourm.cache': cache });
      if (status >= 500) span.fail(String(status));
      span.end();
    }

    try {
      await next();
      // Hono's own way would make the whole answer a second time.
      c.res.headers.set('x-request-id', requestId);
      // Nobody reads it: what it would be read from is closed, and events that it would tell end.
      if (method === 'HEAD') await c.res.body?.cancel();
    } finally {
      const told = (c.get('streamed') ?? answered()).then(end).then(services.flush);
      keepAlive(c)(told);
    }
  });
}
