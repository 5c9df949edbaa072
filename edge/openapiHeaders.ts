/** Headers of answers, as the document tells them. */
import { isIdempotent, type Route, scopeOf } from '../shared/api/route.ts';
import type { Json } from './openapiTypes.ts';
import { PROVENANCE_HEADERS } from './provenance.ts';

/** What each says; the document has each once. */
const HEADERS = {
  'X-Request-Id': 'Names the request, in logs and problems',
  'RateLimit-Policy':
    'What the key and its tenant may use: `"requests";q=600;w=60` is 600 in 60 seconds. On every answer to a key with limits',
  RateLimit:
    'What is left of it: `"requests";r=599;t=1`, and the seconds until it is whole again. On every answer to a key with limits',
  'Retry-After': 'Seconds after which the same request may succeed',
  'WWW-Authenticate': 'What the key lacks (RFC 6750)',
  'Cache-Control': '`private, no-cache`: of one tenant, and to be asked for again with `ETag`',
  'Cache-Status':
    'Whether the result was stored: `hit`, or why it was not, and whether it is now (RFC 9211)',
  Age: 'Seconds since the result was stored',
  ETag: 'Names the representation, for `If-None-Match`',
  Vary: 'Headers of the request that the answer depends on',
  Location: 'Address of the job',
  'Preference-Applied': 'The preference that was followed (RFC 7240)',
  'Idempotent-Replayed': 'true for the answer to an earlier request with the same Idempotency-Key',
  'X-4M-Result': 'The hash of the request, which names its result',
} as const;
type HeaderName = keyof typeof HEADERS;

/** Names in the spelling of documents: `X-4M-Model-Digest`. */
const spelled = (name: string): string =>
  name.replace(/^x-4m/, 'X-4M').replaceAll(/-([a-z])/g, (_, letter) => `-${letter.toUpperCase()}`);

const ALL: Readonly<Record<string, string>> = {
  ...HEADERS,
  ...Object.fromEntries(
    Object.entries(PROVENANCE_HEADERS).map(([name, description]) => [spelled(name), description]),
  ),
};

/** For the document's components. */
export const headerComponents = (): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(ALL).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' } },
    ]),
  );

const isComputed = ({ tag, method, id }: Route): boolean =>
  id === 'tokens' ||
  (method === 'POST' && (tag === 'generate' || tag === 'embed' || tag === 'heads'));

/** Whether it answers 304 to who names its `ETag`: what was computed, and pages. */
export const isConditional = (route: Route): boolean =>
  isComputed(route) ||
  (route.tag === 'service' && (route.id === 'openapi' || 'text/html' in route.response));

/** References to what an answer of this status has. */
export function headersOf(route: Route, status: number): Json {
  const isOpen = scopeOf(route) === undefined;
  const names: HeaderName[] = ['X-Request-Id'];
  if (!isOpen) names.push('RateLimit-Policy', 'RateLimit', 'Cache-Control', 'Vary');
  if (status === 429 || status === 503) names.push('Retry-After');
  if (status === 401 || (status === 403 && !isOpen)) names.push('WWW-Authenticate');
  if (status === 202) names.push('Location', 'Preference-Applied');
  if (status < 300 && isIdempotent(route)) names.push('Idempotent-Replayed');
  const isResult = status === 200 && isComputed(route);
  if (isResult) names.push('Cache-Status', 'Age', 'ETag', 'X-4M-Result');
  const all = [...names, ...(isResult ? Object.keys(PROVENANCE_HEADERS).map(spelled) : [])];
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
