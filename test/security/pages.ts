/** What browsers are told: who may read answers, and what pages may load. */
import assert from 'node:assert/strict';
import type { Route } from '../../shared/api/route.ts';
import type { Place } from './place.ts';
import type { Valid } from './valid.ts';

/** Any page may ask, and send nothing that its reader did not give it: there are no cookies. */
export async function attackOrigin(place: Place, route: Route, { asked }: Valid): Promise<void> {
  const preflight = await place.as(null, {
    method: 'OPTIONS',
    path: asked.path,
    headers: {
      origin: 'https://evil.example',
      'access-control-request-method': route.method,
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    },
  });
  assert.equal(preflight.status, 204, route.id);
  assert.equal(preflight.headers['access-control-allow-origin'], '*', route.id);
  assert.equal(preflight.headers['access-control-allow-credentials'], undefined, route.id);
  assert.ok(preflight.headers['access-control-allow-methods']?.includes(route.method), route.id);
  const answer = await place.as(null, {
    ...asked,
    headers: { ...asked.headers, origin: 'https://evil.example' },
  });
  assert.equal(answer.headers['access-control-allow-origin'], '*', route.id);
  assert.equal(answer.headers['access-control-allow-credentials'], undefined, route.id);
}

/** Every answer, of whatever status, cannot be sniffed or framed; pages load nothing from elsewhere. */
export async function checkHeaders(place: Place, route: Route, { asked }: Valid): Promise<void> {
  for (const key of [null, place.keys.one]) {
    const { headers, text } = await place.as(key, asked);
    assert.equal(headers['x-content-type-options'], 'nosniff', route.id);
    assert.equal(headers['x-frame-options'], 'SAMEORIGIN', route.id);
    assert.equal(headers['set-cookie'], undefined, route.id);
    assert.equal(headers['x-powered-by'], undefined, route.id);
    assert.match(headers['x-request-id'] ?? '', /^[\w.-]+$/, route.id);
    if (!headers['content-type']?.startsWith('text/html')) continue;
    const policy = headers['content-security-policy'] ?? '';
    assert.match(policy, /^default-src 'none';/, route.id);
    assert.match(policy, /; frame-ancestors 'none'$/, route.id);
    assert.doesNotMatch(
      policy,
      /script-src[^;]*(\*|'unsafe-inline'|'unsafe-eval'|https?:)/,
      route.id,
    );
    assert.doesNotMatch(policy, /connect-src[^;]*(\*|https?:)/, route.id);
    assert.doesNotMatch(text, /(src|href)="https?:/, route.id);
  }
}
