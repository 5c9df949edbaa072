/**
 * What a key and its tenant may use a minute. Buckets live in one process or isolate: each edge has its own, so a
 * bound holds for each edge, or each has its share of it where it is told how many there are.
 */
import type { Failure } from '../api/problem.ts';
import type { Limits } from '../keys/documents.ts';
import type { KnownKey } from '../keys/keyCache.ts';
import {
  type Buckets,
  createBuckets,
  type Demand,
  type Standing,
  WINDOW_SECONDS,
} from './buckets.ts';

export type Measure = 'requests' | 'units';

const FIELDS = {
  requests: 'requests_per_minute',
  units: 'units_per_minute',
} as const satisfies Record<Measure, keyof Limits>;

/** Why something may not be now, and which policies say so. */
export interface Exceeded {
  readonly standings: readonly Standing[];
  readonly failure: Failure;
}

export interface Limiter {
  /**
   * Takes what a request costs from the key's and the tenant's buckets, from all of them or from none.
   * @returns why not, where it may not be now
   */
  count(known: KnownKey, measure: Measure, cost: number): Exceeded | undefined;
  /** How all buckets of the key and the tenant stand. */
  look(known: KnownKey): readonly Standing[];
}

/** The bound of both, which is the smaller one; undefined where there is none. */
export function boundOf({ key, tenant }: KnownKey, field: keyof Limits): number | undefined {
  const bounds = [key.limits[field], tenant?.limits[field]].filter((one) => one !== undefined);
  return bounds.length > 0 ? Math.min(...bounds) : undefined;
}

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
 * @param retryAfterSeconds of the same answer: it is not before any `t`, so that one which is later, and has nothing
 *   to do with the answer, is left out
 */
export function rateHeaders(
  standings: readonly Standing[],
  retryAfterSeconds = Number.POSITIVE_INFINITY,
): Record<string, string> {
  if (standings.length === 0) return {};
  const policies = standings.map(({ policy, quota, isConcurrent }) =>
    isConcurrent ? `"${policy}";q=${quota}` : `"${policy}";q=${quota};w=${WINDOW_SECONDS}`,
  );
  const states = standings.map(({ policy, remaining, seconds }) => {
    const state = `"${policy}";r=${remaining}`;
    return seconds > retryAfterSeconds ? state : `${state};t=${seconds}`;
  });
  return { 'ratelimit-policy': policies.join(', '), ratelimit: states.join(', ') };
}

function failureOf(exceeded: readonly Standing[]): Failure {
  const bounds = exceeded.map(({ policy, quota }) => `${policy} (${quota} a minute)`).join(', ');
  const seconds = Math.max(...exceeded.map((one) => one.seconds));
  return {
    code: 'quota_exceeded',
    detail: `this is beyond ${bounds}; there is enough again in ${seconds} s`,
    retryAfterSeconds: seconds,
  };
}

/** @param edges how many edges share a bound */
export function createLimiter(edges: number, buckets: Buckets = createBuckets()): Limiter {
  const share = (bound: number): number => Math.max(1, Math.floor(bound / edges));
  const demandsOf = ({ key, tenant }: KnownKey, measure: Measure, cost: number): Demand[] => {
    const field = FIELDS[measure];
    const demands: Demand[] = [];
    const add = (id: string, policy: string, bound: number | undefined): void => {
      if (bound !== undefined) demands.push({ id, policy, quota: share(bound), cost });
    };
    add(`${key.id} ${measure}`, measure, key.limits[field]);
    add(`tenant ${key.tenant} ${measure}`, `tenant-${measure}`, tenant?.limits[field]);
    return demands;
  };
  return {
    count(known, measure, cost) {
      const { exceeded } = buckets.admit(demandsOf(known, measure, cost));
      return exceeded.length > 0
        ? { standings: exceeded, failure: failureOf(exceeded) }
        : undefined;
    },
    look: (known) =>
      buckets.admit([...demandsOf(known, 'requests', 0), ...demandsOf(known, 'units', 0)])
        .standings,
  };
}
