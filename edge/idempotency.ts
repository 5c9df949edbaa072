/**
 * `Idempotency-Key`: a request that is sent again is answered as the first one was, and done once. What succeeded is
 * kept, and what failed for good after work was spent on it. What was refused has done nothing, and what may succeed when
 * it is tried again is tried again.
 */
import { createMiddleware } from 'hono/factory';
import { FailureError, type ProblemCode, refusal } from '../shared/api/problem.ts';
import { isIdempotent, type Route } from '../shared/api/route.ts';
import { claimRequest, LEASE_MILLISECONDS } from '../shared/idempotency/records.ts';
import { sweepSometimes } from '../shared/idempotency/sweep.ts';
import { canonicalJson, sha256 } from '../shared/results/content.ts';
import { asksForEvents } from './accept.ts';
import { readBody } from './body/body.ts';
import { readParts } from './body/multipart.ts';
import type { EdgeContext, EdgeEnv } from './problems.ts';
import { PROVENANCE_HEADERS } from './provenance.ts';
import type { Services } from './services.ts';
import { tenantOf } from './tenant.ts';

const HEADER = 'idempotency-key';
const MOST_CHARACTERS = 255;
/** Headers of an answer that belong to the work, and not to one way of it. */
const KEPT_HEADERS = [
  ...['content-type', 'etag', 'location', 'preference-applied', 'vary', 'x-4m-result'],
  ...Object.keys(PROVENANCE_HEADERS),
];

/** Failures that the work came to, and comes to again. */
const ENDS: ReadonlySet<ProblemCode> = new Set(['time_limit_exceeded', 'attempts_exhausted']);

/** A structured field's string (RFC 9651), or the same without its quotes. @throws FailureError `invalid_request` */
function keyOf(text: string): string {
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)?.[1];
  const key = quoted?.replaceAll(/\\(["\\])/g, '$1') ?? text;
  // What begins with a quote is a string, or nothing.
  const isForm = quoted !== undefined || !text.startsWith('"');
  const isLong = key.length < 1 || key.length > MOST_CHARACTERS;
  if (isForm && !isLong && /^[\x20-\x7e]*$/.test(key)) return key;
  const detail = `Idempotency-Key must have 1 to ${MOST_CHARACTERS} visible ASCII characters, between quotes or without`;
  throw refusal('invalid_request', detail);
}

const eventsRefused = (at?: string): FailureError =>
  refusal(
    'invalid_request',
    'an answer in events cannot be given again: send Idempotency-Key without asking for events',
    at,
  );

/** Where a field of the body asks for events. @param at its pointer @throws FailureError `invalid_request` */
export function assertUnnamed(c: EdgeContext, at: string): void {
  if (c.req.header(HEADER) !== undefined) throw eventsRefused(at);
}

/** What was asked: the parts of a form by themselves, since each sending chooses another boundary. */
async function fingerprintOf(c: EdgeContext, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const type = c.req.header('content-type') ?? '';
  const query = new URL(c.req.url).search;
  const asked = { query, accept: c.req.header('accept'), prefer: c.req.header('prefer') };
  if (!/^multipart\/form-data/i.test(type))
    return await sha256(canonicalJson({ ...asked, type, body: await sha256(bytes) }));
  const parts: unknown[] = [];
  for (const { name, isFile, bytes: own } of await readParts(bytes, type))
    parts.push([name, isFile, await sha256(own)]);
  return await sha256(canonicalJson({ ...asked, parts }));
}

export function createIdempotency({ store, log }: Services, route: Route) {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const text = c.req.header(HEADER);
    // A line of a batch is named by its batch.
    if (text === undefined || !isIdempotent(route) || c.get('turn')?.priority === 'batch')
      return await next();
    const key = keyOf(text);
    if (asksForEvents(c.req.header('accept'))) throw eventsRefused();
    const bytes = await c.get('body').bytes(c.req.raw);
    c.set('body', readBody(bytes));
    const fingerprint = await fingerprintOf(c, bytes);
    const { method, path } = c.req;
    const asked = { tenant: tenantOf(c), method, path, key, fingerprint };
    const claimed = await claimRequest(store, asked, log).catch((cause: unknown) => {
      log(`a request cannot be claimed: ${cause instanceof Error ? cause.message : cause}`);
      const detail = 'the store is out of order, so it cannot be told whether this was done before';
      throw refusal('store_unavailable', detail, undefined, { cause, retryAfterSeconds: 5 });
    });
    sweepSometimes(store, log);
    switch (claimed.state) {
      case 'other_request':
        throw refusal(
          'idempotency_mismatch',
          'another request was sent with this Idempotency-Key: a new request needs a new one',
        );
      case 'running':
        throw new FailureError({
          code: 'idempotency_conflict',
          detail: 'the first request with this Idempotency-Key is still under way',
        });
      case 'done': {
        const { status, headers, body: kept } = claimed.answer;
        const said = {
          ...headers,
          'cache-control': 'no-store',
          'cache-status': 'fourm-edge; hit; detail="replayed"',
          'idempotent-replayed': 'true',
        };
        return c.body(kept, { status: status as 200, headers: said });
      }
      case 'claimed': {
        const { claim } = claimed;
        c.set('once', { group: claim.work, member: '1' });
        const timer = setInterval(() => void claim.renew(), LEASE_MILLISECONDS / 3);
        try {
          await next();
        } finally {
          clearInterval(timer);
        }
        const { res } = c;
        const failure = c.get('failure');
        const hasEnded = res.ok || (failure !== undefined && ENDS.has(failure.code));
        if (!hasEnded) return void (await claim.release());
        const headers = Object.fromEntries(
          KEPT_HEADERS.flatMap((name) => {
            const value = res.headers.get(name);
            return value === null ? [] : [[name, value]];
          }),
        );
        const answer = new Uint8Array(await res.clone().arrayBuffer());
        await claim.finish({ status: res.status, headers, body: answer });
        return undefined;
      }
    }
  });
}
