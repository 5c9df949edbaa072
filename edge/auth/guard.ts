/**
 * What stands before every route: whose request it is, by its key and by nothing else, and whether the key opens the
 * route. Pages, documents and health are open to everybody.
 */
import { createMiddleware } from 'hono/factory';
import { FailureError } from '../../shared/api/problem.ts';
import { type Route, scopeOf } from '../../shared/api/route.ts';
import { allows, stateOf } from '../../shared/keys/documents.ts';
import type { KnownKey } from '../../shared/keys/keyCache.ts';
import { hashOfSecret } from '../../shared/keys/secret.ts';
import { keepAlive } from '../keepAlive.ts';
import { boundBody, count, tellLimits } from '../limits.ts';
import { type EdgeContext, type EdgeEnv, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';
import { ONLY_TENANT } from '../tenant.ts';
import { createAllowsOrigin, strangerAt } from './origins.ts';

const REALM = 'Bearer realm="4m-edge"';

function unauthorized(c: EdgeContext, detail: string, error?: string): Response {
  const challenge = error === undefined ? REALM : `${REALM}, error="${error}"`;
  return problemResponse(c, { code: 'unauthorized', detail }, { 'www-authenticate': challenge });
}

/** The key of a request, or the answer that refuses it. */
async function keyOf(c: EdgeContext, { keys }: Services): Promise<KnownKey | Response> {
  const [, secret] = /^Bearer +(\S{1,200}) *$/i.exec(c.req.header('authorization') ?? '') ?? [];
  if (secret === undefined) {
    const isThere = c.req.header('authorization') !== undefined;
    return unauthorized(
      c,
      'this needs a key: send Authorization: Bearer with it',
      isThere ? 'invalid_request' : undefined,
    );
  }
  const hash = await hashOfSecret(secret);
  const known = hash && (await keys.find(hash, keepAlive(c)));
  if (!known) return unauthorized(c, 'there is no such key', 'invalid_token');
  const state = stateOf(known.key, Date.now());
  return state === 'valid' ? known : unauthorized(c, `the key is ${state}`, 'invalid_token');
}

/** What is of one tenant is kept by no cache that others share, and answered to no other key (RFC 9111). */
function keepPrivate(c: EdgeContext, isByKey: boolean): void {
  // On the answer's own headers: Hono's `c.header` would make the whole answer a second time.
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'private, no-cache');
  if (isByKey) c.res.headers.append('vary', 'authorization');
}

/** @param route that it stands before */
export function createGuard(services: Services, route: Route) {
  const scope = scopeOf(route);
  const auth = services.config.FOURM_AUTH;
  const { limiter } = services;
  const allowsOrigin = createAllowsOrigin(services.config);

  /** The answer to a key that may not ask this, or not now. */
  async function refusalOf(
    c: EdgeContext,
    { key }: KnownKey,
    needed: string,
  ): Promise<Response | undefined> {
    if (!allows(key, needed)) {
      const detail = `the key does not have the scope ${needed}, which this needs`;
      const challenge = `${REALM}, error="insufficient_scope", scope="${needed}"`;
      const failure = { code: 'insufficient_scope', detail } as const;
      return problemResponse(c, failure, { 'www-authenticate': challenge });
    }
    try {
      await count(c, limiter, 'requests', () => 1);
      boundBody(c);
      return undefined;
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return problemResponse(c, error.failure);
    }
  }

  /** Says whose request it is. @returns the answer to one that may not be */
  async function admit(c: EdgeContext, needed: string): Promise<Response | undefined> {
    const turn = c.get('turn');
    const charged = services.credit !== undefined && { charged: true };
    if (turn) {
      // A line of a batch, as its signature has shown: whoever sent the batch had a key for it.
      c.set('tenant', turn.tenant);
      c.set('turn', { ...turn, ...charged });
      return undefined;
    }
    if (auth !== 'keys') {
      const stranger =
        auth === 'off' &&
        strangerAt(c.req.url, c.req.header('origin'), services.config, allowsOrigin);
      if (stranger) return problemResponse(c, { code: 'forbidden_origin', detail: stranger });
      c.set('tenant', ONLY_TENANT);
      return undefined;
    }
    const known = await keyOf(c, services);
    if (known instanceof Response) return known;
    c.set('key', known);
    const { tenant } = known.key;
    c.set('tenant', tenant);
    c.set('turn', { priority: 'interactive', tenant, ...charged });
    return await refusalOf(c, known, needed);
  }

  return createMiddleware<EdgeEnv>(async (c, next) => {
    if (scope === undefined) return await next();
    const refused = await admit(c, scope);
    if (refused) c.res = refused;
    else await next();
    keepPrivate(c, auth === 'keys');
    tellLimits(c, limiter);
    return undefined;
  });
}
